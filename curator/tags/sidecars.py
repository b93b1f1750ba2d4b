"""Decides how tags and captions are written back beside the images: on demand, and never over a change from outside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from curator.contract.errors import UserError
from curator.contract.picture_file import read_picture
from curator.contract.text import visible
from curator.contract.whole_files import replace_file
from curator.index.collection import Collection
from curator.index.sidecar_table import SidecarState
from curator.index.text_digest import text_digest
from curator.index.texts import batches

Suffix = Literal[".txt", ".caption", ".json"]
_CHANGED = "changed outside since it was last read; scan to see it, or force"
_UNREAD = "is there but was never read; scan first, or force"
_IN_TAR = "lies in a tar, which is only read: unpack it, or export a manifest"
_NO_OBJECT = "holds no JSON object to write into"
Pairs = list[tuple[str, str]]


@dataclass
class WriteReport:
    """What became of each sidecar. Lists hold (path, reason)."""

    written: int = 0
    unchanged: int = 0
    conflicts: Pairs = field(default_factory=Pairs)
    failed: Pairs = field(default_factory=Pairs)


class _ConflictError(Exception):
    """Why a file is left as it is."""


def write_sidecars(
    collection: Collection,
    ids: Iterable[int],
    suffix: Suffix = ".txt",
    *,
    force: bool = False,
    separator: str = ", ",
    progress: Callable[[int], None] | None = None,
) -> WriteReport:
    """Write the words of images into one kind of sidecar.

    `.txt` gets the tags on one line, `.caption` the free caption, `.json` both, beside whatever else it holds.
    A file that is not as last read is a conflict and stays as it is, unless `force`. An image with no words gets no
    new file. `progress` is told how many images are done.
    """
    if suffix not in (".txt", ".caption", ".json") or separator.strip() != ",":
        raise UserError(
            f"'{visible(suffix)}' with '{visible(separator)}' is no kind of sidecar", "use .txt and a comma"
        )
    report = WriteReport()
    done = 0
    for piece in batches(int(number) for number in ids):
        _write_batch(collection, piece, _Format(suffix, separator), force, report)
        done += len(piece)
        if progress:
            progress(done)
    return report


@dataclass(frozen=True)
class _Format:
    """How words become the bytes of one kind of sidecar."""

    suffix: Suffix
    separator: str

    def data(self, tags: Sequence[str], caption: str, before: bytes | None) -> bytes:
        match self.suffix:
            case ".txt":
                return f"{self.separator.join(tags)}\n".encode()
            case ".caption":
                return f"{' '.join(caption.split())}\n".encode()
            case ".json":
                whole = {**_object(before), "tags": list(tags), "caption": caption}
                return f"{json.dumps(whole, ensure_ascii=False, indent=2)}\n".encode()

    def is_empty(self, tags: Sequence[str], caption: str) -> bool:
        return not (tags and self.suffix != ".caption") and not (caption and self.suffix != ".txt")


def _write_batch(
    collection: Collection, ids: list[int], form: _Format, force: bool, report: WriteReport
) -> None:
    with collection.reading():
        alive = collection.images.alive()
        rows = [row for row in collection.rows(ids) if row.id in alive]
        names = collection.tag_names([row.id for row in rows])
        states = collection.images.sidecars.of([row.id for row in rows])
    written: list[tuple[int, SidecarState]] = []
    for row, tags in zip(rows, names, strict=True):
        path = row.full_path.removesuffix(row.name) + row.name.rpartition(".")[0] + form.suffix
        known = next((state for state in states[row.id] if state.suffix == form.suffix), None)
        try:
            state = _write_one(path, _Words(tags, row.caption), known, form, force=force)
        except _ConflictError as conflict:
            report.conflicts.append((path, str(conflict)))
        except NotADirectoryError:
            report.failed.append((path, _IN_TAR))
        except OSError as error:
            report.failed.append((path, error.strerror or "cannot be written"))
        else:
            if state is None:
                report.unchanged += 1
            else:
                report.written += 1
                written.append((row.id, state))
    with collection.writing():  # a kill before this is harmless: the next scan reads the very same words
        for number, state in written:
            collection.images.sidecars.put(number, [state])


@dataclass(frozen=True)
class _Words:
    tags: Sequence[str]
    caption: str


def _write_one(
    path: str, words: _Words, known: SidecarState | None, form: _Format, *, force: bool
) -> SidecarState | None:
    """None where there is nothing to write: the file says it already, or there are no words and no file."""
    before = _bytes(path)
    if before is None and form.is_empty(words.tags, words.caption):
        return None
    if before is not None and not force:
        _refuse_conflict(before, known, form.suffix)
    digest = text_digest(form.suffix, words.tags, words.caption)
    as_known = bool(known and before is not None and known.file_digest == _digest(before))
    if as_known and known and known.text_digest == digest and form.suffix != ".json":
        return None  # another separator or a missing last line break is no reason to touch it
    data = form.data(words.tags, words.caption, before)
    if data == before:
        return None
    status = replace_file(path, data)
    return SidecarState(form.suffix, status.st_mtime_ns, status.st_size, _digest(data), digest)


def _refuse_conflict(before: bytes, known: SidecarState | None, suffix: Suffix) -> None:
    if known is None:
        raise _ConflictError(_UNREAD)
    if known.file_digest != _digest(before):
        raise _ConflictError(_CHANGED)
    if suffix == ".json" and before.strip() and not _object(before):
        raise _ConflictError(_NO_OBJECT)


def _object(data: bytes | None) -> dict[str, object]:
    try:
        value = json.loads((data or b"{}").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _bytes(path: str) -> bytes | None:
    try:
        return read_picture(path)
    except FileNotFoundError:
        return None


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]
