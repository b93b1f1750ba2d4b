"""Decides what is read of found files: each opened and read once, many asked of the disk at a time; touches no index.

What comes in and goes out are plain tuples, since both cross to other processes (`readers.py`).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from curator.contract.picture_file import Window
from curator.scan.known_headers import Known, known_header
from curator.scan.sidecar import MAX_BYTES, Sidecar, read_sidecar

_AT_ONCE = 32  # files the disk is asked for before the first is read
_WHOLE = 1 << 24  # larger files are hashed in pieces
_PIECE = 1 << 20

Span = tuple[int, int]  # where a file's bytes begin in a tar, and how many there are


class Wanted(NamedTuple):
    """What to read of one image: the file itself or not, and its sidecars by name. `spans` are those of a tar.

    `spans` belong to the image and the sidecars, in this order; empty for files of their own.
    """

    folder: str
    name: str
    image: bool
    sidecars: tuple[str, ...]
    spans: tuple[Span, ...] = ()


class Facts(NamedTuple):
    """What a file is: as `index.FileFacts`."""

    sha256: bytes
    file_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str


class Outcome(NamedTuple):
    """What was read. `reason` says why the image cannot be used; `facts` is None where it was not read."""

    facts: Facts | None = None
    reason: str | None = None
    sidecars: tuple[Sidecar, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()


class _Opened(NamedTuple):
    """A file about to be read. `mtime_ns` is taken before: a change from now on is seen by the next scan."""

    handle: int
    first: int
    size: int
    mtime_ns: int


def read_all(some: Sequence[Wanted]) -> list[Outcome]:
    """Never raises for what a file holds."""
    outcomes: list[Outcome] = []
    for at in range(0, len(some), _AT_ONCE):
        piece = some[at : at + _AT_ONCE]
        opened = [_open_all(each) for each in piece]
        outcomes += [_read(each, files) for each, files in zip(piece, opened, strict=True)]
    return outcomes


def _open_all(wanted: Wanted) -> list[_Opened | OSError]:
    """The image where it is wanted, then the sidecars."""
    if wanted.spans:
        spans = wanted.spans if wanted.image else wanted.spans[1:]
        return [_open(wanted.folder, span) for span in spans]
    names = (wanted.name, *wanted.sidecars) if wanted.image else wanted.sidecars
    return [_open(f"{wanted.folder}/{name}") for name in names]


def _open(path: str, span: Span | None = None) -> _Opened | OSError:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return error
    status = os.fstat(handle)
    first, size = span or (0, status.st_size)
    if _ask_ahead is not None:
        _ask_ahead(handle, first, min(size, _WHOLE), os.POSIX_FADV_WILLNEED)
    return _Opened(handle, first, size, status.st_mtime_ns)


_ask_ahead = getattr(os, "posix_fadvise", None)


def _read(wanted: Wanted, files: list[_Opened | OSError]) -> Outcome:
    facts, reason = _image(files[0]) if wanted.image else (None, None)
    sidecars: list[Sidecar] = []
    warnings: list[tuple[str, str]] = []
    for name, file in zip(wanted.sidecars, files[wanted.image :], strict=True):
        path = f"{wanted.folder}/{name}"
        if isinstance(file, OSError):
            warnings.append((path, file.strerror or "cannot be read"))
            continue
        try:
            data = _bytes(file, MAX_BYTES + 1)
        except OSError as error:
            warnings.append((path, error.strerror or "cannot be read"))
            continue
        finally:
            os.close(file.handle)
        sidecar = read_sidecar(name[name.rindex(".") :], data, file.size, file.mtime_ns)
        sidecars.append(sidecar)
        warnings += [(path, warning) for warning in sidecar.warnings]
    return Outcome(facts, reason, tuple(sidecars), tuple(warnings))


def _image(file: _Opened | OSError) -> tuple[Facts | None, str | None]:
    """What the image is, or why it cannot be used."""
    if isinstance(file, FileNotFoundError):
        return None, "the file is gone"
    if isinstance(file, OSError):
        return None, file.strerror or "cannot be read"
    try:
        return (_small if file.size <= _WHOLE else _large)(file)
    except OSError as error:
        return None, error.strerror or "cannot be read"
    finally:
        os.close(file.handle)


def _small(file: _Opened) -> tuple[Facts | None, str | None]:
    data = _bytes(file, file.size)
    known = known_header(data)
    if known is None:
        known, reason = _asked(io.BytesIO(data))
        if known is None:
            return None, reason
    return Facts(hashlib.sha256(data).digest(), len(data), file.mtime_ns, *known), None


def _large(file: _Opened) -> tuple[Facts | None, str | None]:
    known, reason = _asked(io.BufferedReader(Window(file.handle, file.first, file.size)))
    if known is None:
        return None, reason
    digest = hashlib.sha256()
    for at in range(0, file.size, _PIECE):
        digest.update(os.pread(file.handle, min(_PIECE, file.size - at), file.first + at))
    return Facts(digest.digest(), file.size, file.mtime_ns, *known), None


def _asked(file: BinaryIO) -> tuple[Known | None, str | None]:
    """What Pillow says, which takes a tenth of a second to import."""
    from curator.scan.header import Unreadable, header_of

    try:
        header = header_of(file)
    except Unreadable as error:
        return None, str(error)
    return (header.width, header.height, header.format), None


def _bytes(file: _Opened, most: int) -> bytes:
    """The file's bytes, up to so many; fewer where it was cut since it was opened."""
    wanted = min(most, file.size)
    data = os.pread(file.handle, wanted, file.first)
    while len(data) < wanted and (more := os.pread(file.handle, wanted - len(data), file.first + len(data))):
        data += more
    return data
