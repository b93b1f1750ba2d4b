"""Notes on a folder: images whose sidecars are ambiguous, told once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.text import counted
from curator.index.images.sidecar_names import kind_of, sidecar_name
from curator.scan.sidecars.beside import shared_stems, stem_of

if TYPE_CHECKING:
    from curator.scan.find import Folder


def notes_on(folder: Folder) -> list[str]:
    """What to tell of the sidecars of a folder, by names alone."""
    if not folder.sidecars:
        return []
    shared = shared_stems(folder.images)
    notes = [_sharing(folder, shared)] if shared else []
    if folder.sidecars.may_double(folder.images):
        notes.append(_doubled(folder, shared))
    return list(filter(None, notes))


def _sharing(folder: Folder, shared: frozenset[str]) -> str:
    """Of images that take the words of one file."""
    found: dict[str, list[str]] = {}
    for name in folder.images:
        if stem_of(name) in shared:
            taken = {kind_of(suffix): suffix for suffix in reversed(folder.sidecars_of(name))}
            for suffix in taken.values():
                found.setdefault(sidecar_name(name, suffix), []).append(name)
    several = {sidecar: names for sidecar, names in found.items() if len(names) > 1}
    if not several:
        return ""
    sidecar, names = next(iter(several.items()))
    return (
        f"{counted(len(several), 'sidecar belongs', 'sidecars belong')} to several images of one name, such as"
        f" {sidecar} to {' and '.join(names)}: each has its words, and 'frieze tag write' gives each that was"
        f" edited a file of its own, such as {names[-1]}{kind_of(sidecar)}"
    )


def _doubled(folder: Folder, shared: frozenset[str]) -> str:
    """Of images with two sidecars of one kind."""
    count, example = 0, ""
    for name in folder.images:
        suffixes = folder.sidecars_of(name)
        if len(suffixes) < 2 or stem_of(name) in shared:
            continue
        kinds = list(map(kind_of, suffixes))
        second = next((at for at, kind in enumerate(kinds) if kind in kinds[:at]), None)
        if second is not None:
            count += 1
            taken = suffixes[kinds.index(kinds[second])]
            example = example or f"{sidecar_name(name, taken)} and {sidecar_name(name, suffixes[second])}"
    if not count:
        return ""
    told = counted(count, "image has", "images have")
    return f"{told} two sidecars of one kind, such as {example}: the first counts"
