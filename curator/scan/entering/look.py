"""Questions about found images: all of those the index does not know, what changed of those it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from curator.index.images.sidecar_names import sidecar_name

if TYPE_CHECKING:
    from curator.scan.find import Folder
    from curator.scan.places import Known
    from curator.scan.readers.reading import Before, Span, Wanted

_NEVER: Before = (-1, -1, {"": (-1, -1)})  # as no file is: all is read


def questions_for(
    folder: Folder, names: Sequence[str], known: Mapping[str, Known], full: bool
) -> list[Wanted]:
    """Of images of a folder, in their order; with `full` all is read."""
    if folder.tar is not None:
        return [_in_tar(folder, name, known.get(name), full) for name in names]
    if not known:
        return [(name, True, folder.sidecars_of(name), (), None) for name in names]
    return [(name, True, folder.sidecars_of(name), (), _before(known.get(name), full)) for name in names]


def _before(known: Known | None, full: bool) -> Before | None:
    return None if known is None else _NEVER if full else known.before


def _in_tar(folder: Folder, name: str, known: Known | None, full: bool) -> Wanted:
    suffixes = folder.sidecars_of(name)
    names = (name, *(sidecar_name(name, suffix) for suffix in suffixes))
    spans = tuple(_span(folder, each) for each in names)
    return name, True, suffixes, spans, _before(known, full)


def _span(folder: Folder, name: str) -> Span:
    member = folder.tar.find(name) if folder.tar is not None else None
    return (member.offset, member.size) if member else (0, 0)
