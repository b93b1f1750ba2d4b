"""Images named one by one: by their ids, or by paths as the file system or `frieze ls` writes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.index.file.paths import from_blob

if TYPE_CHECKING:
    from curator.index.collection import Collection

_AT_ONCE = 10_000  # names looked up in one snapshot
_TOLD = 3
_DIGITS = len(str(2**32))  # of the largest id
_Place = tuple[int, str]  # a root's number, and a path below it


@dataclass
class NamedImages:
    """What a list of names came to: its images (whose files are there), and what could not be used.

    `count` is how many names there were. `unknown` fit no image, `shared` fit more than one; the first few of each
    are kept, as they were written.
    """

    images: BitMap = field(default_factory=BitMap)
    count: int = 0
    unknown_count: int = 0
    unknown: list[str] = field(default_factory=list[str])
    shared_count: int = 0
    shared: list[str] = field(default_factory=list[str])

    def add_unknown(self, name: str) -> None:
        self.unknown_count += 1
        if len(self.unknown) < _TOLD:
            self.unknown.append(name)

    def add_shared(self, name: str) -> None:
        self.shared_count += 1
        if len(self.shared) < _TOLD:
            self.shared.append(name)


def named_images(collection: Collection, names: Iterable[bytes], folder: Path) -> NamedImages:
    """The images that `names` name. Few of them are in memory at a time.

    Digits alone are an id. A path is absolute, or relative to a root (as `frieze ls` prints it), to `folder` or to
    the collection's folder; with a dot in front (`./12`, `../a.png`) to `folder` alone. A relative path that fits
    several images names none of them.
    """
    found = NamedImages()
    left = iter(names)
    while some := list(islice(left, _AT_ONCE)):
        found.count += len(some)
        with collection.reading():
            _add_ids(collection, [name for name in some if _is_id(name)], found)
            paths = [from_blob(name) for name in some if not _is_id(name)]
            if paths:
                _Paths(collection, folder).add(paths, found)
    return found


def _is_id(name: bytes) -> bool:
    return name.strip().isdigit()


def _add_ids(collection: Collection, names: list[bytes], found: NamedImages) -> None:
    alive = collection.images.alive()
    last = alive.max() if alive else 0
    known: list[int] = []
    for name in names:
        digits = name.strip()
        number = int(digits) if len(digits) <= _DIGITS else last + 1
        if number <= last and number in alive:
            known.append(number)
        else:
            found.add_unknown(digits.decode())
    found.images.update(known)


class _Paths:
    """Where paths may lie in a collection's roots."""

    def __init__(self, collection: Collection, folder: Path) -> None:
        self._images = collection.images
        self._folders = dict.fromkeys((str(folder), str(collection.folder)))
        self._roots = {root.rstrip("/"): number for root, number in self._images.roots().items()}
        self._real_roots = {os.path.realpath(root): number for root, number in self._roots.items()}
        self._of_folder: dict[str, list[_Place]] = {}

    def add(self, paths: list[str], found: NamedImages) -> None:
        """Add the images of `paths` to those found."""
        places = [list(self._readings(path)) for path in paths]
        known = self._known({place for readings in places for reading in readings for place in reading})
        for path, readings in zip(paths, places, strict=True):
            images = {frozenset(known[place] for place in reading if place in known) for reading in readings}
            images.discard(frozenset())
            if len(images) == 1:
                found.images.update(images.pop())
            elif images:
                found.add_shared(path)
            else:
                found.add_unknown(path)

    def _readings(self, path: str) -> Iterator[list[_Place]]:
        """The places of each file that a path may mean."""
        whole = os.path.normpath(path)
        if path.startswith("/"):
            yield self._places("/" + whole.lstrip("/"))
            return
        here, *others = self._folders
        yield self._places(os.path.normpath(os.path.join(here, whole)))  # noqa: PTH118  # a million of them
        if path.startswith(("./", "../")):
            return
        for folder in others:
            yield self._places(os.path.normpath(os.path.join(folder, whole)))  # noqa: PTH118
        for root in self._roots.values():
            yield [(root, whole)]

    def _places(self, path: str) -> list[_Place]:
        """The roots an absolute path lies in, links to folders followed or not."""
        folder, _, name = path.rpartition("/")
        if folder not in self._of_folder:
            above = {*self._above(folder, self._roots)}
            above |= {*self._above(os.path.realpath(folder or "/"), self._real_roots)}
            self._of_folder[folder] = sorted(above)
        return [(root, inner + name) for root, inner in self._of_folder[folder]]

    @staticmethod
    def _above(folder: str, roots: dict[str, int]) -> Iterator[_Place]:
        """The roots at `folder` or above it, each with the way down (ends in `/`, or is empty)."""
        top, down = folder.rstrip("/"), ""
        while True:
            if top in roots:
                yield roots[top], down
            if not top:
                return
            top, _, last = top.rpartition("/")
            down = f"{last}/{down}"

    def _known(self, places: set[_Place]) -> dict[_Place, int]:
        """The images at these places whose files are there."""
        by_root: dict[int, list[str]] = {}
        for root, path in places:
            by_root.setdefault(root, []).append(path)
        return {
            (root, path): file.id
            for root, paths in by_root.items()
            for path, file in self._images.known(root, paths).items()
            if file.alive
        }
