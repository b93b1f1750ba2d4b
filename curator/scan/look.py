"""Decides which of a found image's files have to be read: those the index does not know as they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from curator.scan.find import Folder
from curator.scan.places import Known
from curator.scan.reading import Span, Wanted

_Seen = tuple[int, int]  # bytes and time


class Look(NamedTuple):
    """A found image. `wanted` is None where nothing of it has to be read; `is_there` is False where it just went."""

    name: str
    known: Known | None
    sidecars: Sequence[str]
    rereads: bool
    wanted: Wanted | None
    is_there: bool = True


def look_at(folder: Folder, name: str, known: Known | None, full: bool) -> Look:
    """Compare size and time, of the image and of its sidecars, with what is known; with `full` all is read."""
    suffixes = folder.sidecars_of(name)
    if known is None:
        return Look(name, None, suffixes, True, _wanted(folder, name, True, suffixes))
    seen = _seen(folder, name)
    if seen is None:
        return Look(name, known, suffixes, False, None, is_there=False)
    reads_image = full or seen != (known.file.file_bytes, known.file.mtime_ns)
    rereads = bool(full and suffixes) or not _agree(folder, name, suffixes, known)
    if not reads_image and not rereads:
        return Look(name, known, suffixes, False, None)
    wanted = _wanted(folder, name, reads_image, suffixes if rereads else ())
    return Look(name, known, suffixes, rereads, wanted)


def _agree(folder: Folder, name: str, suffixes: Sequence[str], known: Known) -> bool:
    """Whether the sidecars are those last read."""
    if not suffixes or len(suffixes) != len(known.sidecars):
        return len(suffixes) == len(known.sidecars)
    before = {state.suffix: (state.file_bytes, state.mtime_ns) for state in known.sidecars}
    stem = name.rpartition(".")[0]
    return all(_seen(folder, stem + suffix) == before.get(suffix) for suffix in suffixes)


def _seen(folder: Folder, name: str) -> _Seen | None:
    """None where the file is gone since the folder was listed."""
    if folder.tar is not None:
        return _span(folder, name)[1], folder.mtime_ns
    try:
        status = os.stat(f"{folder.path}/{name}")  # noqa: PTH116 - a Path for each of millions takes as long again
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _wanted(folder: Folder, name: str, image: bool, suffixes: Sequence[str]) -> Wanted:
    stem = name.rpartition(".")[0]
    sidecars = tuple([stem + suffix for suffix in suffixes])
    if folder.tar is None:
        return Wanted(folder.path, name, image, sidecars)
    spans = tuple(_span(folder, each) for each in (name, *sidecars))
    return Wanted(folder.path, name, image, sidecars, spans)


def _span(folder: Folder, name: str) -> Span:
    member = folder.tar.find(name) if folder.tar is not None else None
    return (member.offset, member.size) if member else (0, 0)
