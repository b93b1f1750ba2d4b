"""Thumbnails kept on disk: small JPEGs by the content of their images, as many as a limit of bytes allows.

Each is a file of its own under a name made of its key, drafted and renamed, so that a reader never sees half of one and
several programs may share the folder. What was not looked at for the longest goes first. They can all be made again, so
what fails here costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from PIL import Image

from curator.contract.files.picture_file import open_picture, picture_bytes
from curator.contract.locations import DRAFT_PREFIX
from curator.scan.small_pictures import decoded_small

SIDE_PX = 256
MOST_BYTES = 512 << 20  # some fifty thousand
_QUALITY = 85
_LOOK_SHARE = 16  # of the limit is written between two looks at what all of them take
_LEFT_SHARE = 0.9  # of the limit is left when something had to go
_SEEN_AGAIN_S = 6 * 3600.0  # sooner it is not noted anew
_ABANDONED_S = 3600.0  # a draft of a process that was killed


class Content(NamedTuple):
    """What an image's file was when its bytes were read: sha256 in hexadecimal, bytes, time in nanoseconds."""

    sha256: str
    file_bytes: int
    mtime_ns: int


class Thumbnails:
    """The thumbnails in a folder. Calls may come from several threads."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._unseen_bytes = (
            most_bytes  # written since the last look: the first one written brings the first look
        )
        self._looking = Lock()

    def of_image(self, path: Path, content: Content) -> Image.Image:
        """The thumbnail of an image of known content; where the file is another by now, it is made and not kept.

        Raises:
            OSError: it is gone or cannot be read.
            Exception: whatever a decoder makes of a broken file.
        """
        kept = self._read(content.sha256)
        if kept is not None:
            return kept
        made = _made(path)
        if _is_still(path, content):
            self._keep(content.sha256, made)
        return made

    def of_file(self, path: Path) -> Image.Image:
        """The thumbnail of a file that no index knows; raises as `of_image` does."""
        stat = path.stat()
        told = f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}".encode(errors="surrogateescape")
        key = hashlib.sha256(told).hexdigest()
        kept = self._read(key)
        if kept is None:
            kept = _made(path)
            self._keep(key, kept)
        return kept

    def prune(self) -> int:
        """Delete those not looked at for the longest until all fit in the limit again; gives how many went."""
        with self._looking:
            return self._prune()

    def _file(self, key: str) -> Path:
        return self._folder / str(SIDE_PX) / key[:2] / key[2:]

    def _read(self, key: str) -> Image.Image | None:
        path = self._file(key)
        try:
            data = path.read_bytes()
            with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
                image.load()
        except FileNotFoundError:
            return None
        except Exception:  # noqa: BLE001 - half of one, after a power cut: made again
            return None
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _SEEN_AGAIN_S:
                os.utime(path)
        return image

    def _keep(self, key: str, image: Image.Image) -> None:
        """On a full disk, or in a folder one may not write to, it is not kept."""
        packed = io.BytesIO()
        image.save(packed, format="JPEG", quality=_QUALITY)
        path = self._file(key)
        draft = path.with_name(f"{DRAFT_PREFIX}{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(packed.getbuffer())
            os.replace(draft, path)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            return
        self._look_after(packed.tell())

    def _look_after(self, written: int) -> None:
        self._unseen_bytes += written
        if self._unseen_bytes < self._most_bytes // _LOOK_SHARE or not self._looking.acquire(blocking=False):
            return
        try:
            self._prune()
        finally:
            self._looking.release()

    def _prune(self) -> int:
        self._unseen_bytes = 0
        found = self._kept()
        total = sum(size for _, size, _ in found)
        if total <= self._most_bytes:
            return 0
        gone = 0
        for _, size, path in sorted(found):
            if total <= self._most_bytes * _LEFT_SHARE:
                break
            with suppress(OSError):
                path.unlink()
                gone += 1
            total -= size
        return gone

    def _kept(self) -> list[tuple[float, int, Path]]:
        """(when last looked at, bytes, file) of all; drafts that nobody finishes are deleted."""
        found: list[tuple[float, int, Path]] = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = Path(folder, name)
                with suppress(OSError):  # another program prunes too
                    stat = path.stat()
                    if not name.startswith(DRAFT_PREFIX):
                        found.append((stat.st_mtime, stat.st_size, path))
                    elif time.time() - stat.st_mtime > _ABANDONED_S:
                        path.unlink()
        return found


def _made(path: Path) -> Image.Image:
    with open_picture(path) as file:
        return decoded_small(file, SIDE_PX)


def _is_still(path: Path, content: Content) -> bool:
    """Whether a file is what it was; of one in a tar the bytes are counted, since it has no time of its own."""
    try:
        stat = path.stat()
    except NotADirectoryError:
        return picture_bytes(path) == content.file_bytes
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (content.file_bytes, content.mtime_ns)
