"""The bytes of an image by its path: a file of its own, or one inside a tar, read in place.

`/data/shard0001.tar/1234.webp` is the file `1234.webp` of that tar. A tar is looked into only where the system says
that something on the path is no folder, so plain files cost nothing more.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from curator.contract.files.regular_file import open_regular
from curator.contract.files.tar_members import SUFFIX, Member, members_of

_TAR_ON_THE_WAY = re.compile(re.escape(SUFFIX) + "(?=/)", re.IGNORECASE | re.ASCII)
_MOST_BYTES = 1 << 30
_READ_BYTES = 1 << 20
_T = TypeVar("_T")
AnyPath = str | Path


def open_picture(path: AnyPath) -> BinaryIO:
    """An image (or a sidecar) for reading: a regular file, or in a tar.

    Raises:
        OSError: it is gone or cannot be read, as `open` says it.
    """
    return _reached(path, lambda: open_regular(path), _opened)


def read_picture(path: AnyPath) -> bytes:
    """All bytes of an image; raises as `open_picture` does, and `EFBIG` for what is too large to be one."""
    with open_picture(path) as file:
        size = file.seek(0, os.SEEK_END)
        if size > _MOST_BYTES:
            raise OSError(errno.EFBIG, f"larger than {_MOST_BYTES:,} bytes", os.fspath(path))
        file.seek(0)
        return file.read(size)


def file_sha256(path: AnyPath) -> str:
    """The sha256 of a file's bytes, in hexadecimal; raises as `open_picture` does."""
    digest = hashlib.sha256()
    with open_picture(path) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def picture_bytes(path: AnyPath) -> int:
    """How many bytes an image has; raises as `open_picture` does."""
    return _reached(path, lambda: Path(path).stat().st_size, lambda _, member: member.size)


def has_picture(path: AnyPath) -> bool:
    """Whether something lies at `path`, be it a broken link."""
    if os.path.lexists(path):
        return True
    inside = tar_of(path)
    if inside is None:
        return False
    try:
        return members_of(inside[0]).find(inside[1]) is not None
    except OSError:
        return False


def tar_of(path: AnyPath) -> tuple[str, str] | None:
    """(the tar, the name in it) of a path that leads into a tar; None for any other."""
    whole = os.fspath(path)
    for found in _TAR_ON_THE_WAY.finditer(whole):
        if Path(whole[: found.end()]).is_file():
            return whole[: found.end()], whole[found.end() + 1 :]
    return None


def _reached(path: AnyPath, plain: Callable[[], _T], inside: Callable[[str, Member], _T]) -> _T:
    try:
        return plain()
    except NotADirectoryError:
        parts = tar_of(path)
        if parts is None:
            raise
    member = members_of(parts[0]).find(parts[1])
    if member is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    return inside(parts[0], member)


def _opened(tar: str, member: Member) -> BinaryIO:
    handle = os.open(tar, os.O_RDONLY | os.O_CLOEXEC)
    return io.BufferedReader(Window(handle, member.offset, member.size, owned=True))


class Window(io.RawIOBase):
    """Some bytes of an open file, as a file of their own. `owned`: closing it closes the file."""

    def __init__(self, handle: int, first: int, size: int, *, owned: bool = False) -> None:
        super().__init__()
        self._handle, self._owned = handle, owned
        self._first, self._size = first, size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        wanted = max(0, min(len(buffer), self._size - self._at))
        data = os.pread(self._handle, wanted, self._first + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if self._owned and not self.closed:
            os.close(self._handle)
        super().close()
