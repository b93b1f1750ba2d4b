"""The root a folder belongs to: the deepest known root above it, or the folder scanned."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pyroaring import BitMap

from curator.contract.files.picture_file import tar_of
from curator.index.file.paths import to_blob

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.scan.readers.reading import Before


class Place(NamedTuple):
    """Where a folder is for the index: its root's number, and what comes before a name in it."""

    root: int
    before: str


class Known(NamedTuple):
    """An image of the index, and its files as last read."""

    id: int
    before: Before


class Places:
    """Paths of a scan, split into root and rest. Made inside a write transaction (the folder may be a new root)."""

    def __init__(self, collection: Collection, top: str) -> None:
        self._collection = collection
        self._images = collection.images
        self._top = top
        roots = self._images.roots()
        if not any(_within(top, root) for root in roots):
            roots[top] = self._images.root(top)
        self._roots = roots

    def of(self, folder: str) -> Place:
        """Where a folder (or a tar) is."""
        root = max((each for each in self._roots if _within(folder, each)), key=len)
        rest = folder[len(root.rstrip("/")) + 1 :]
        return Place(self._roots[root], f"{rest}/" if rest else "")

    def known(self, place: Place, names: Sequence[str]) -> dict[str, Known]:
        """What the index knows of some files of a folder, by name."""
        found: dict[bytes, Known] = {}
        with self._collection.reading():
            if not self._collection.folders.has_images(place.root, place.before):
                return {}
            paths = [to_blob(place.before + name) for name in names]
            for path, image, size, time, suffix, file_bytes, mtime_ns in self._images.seen(place.root, paths):
                if path in found:
                    found[path].before[2][suffix] = (file_bytes, mtime_ns)
                else:
                    sidecars = {} if suffix is None else {suffix: (file_bytes, mtime_ns)}
                    found[path] = Known(image, (size, time, sidecars))
        if len(found) == len(names):
            return dict(zip(names, map(found.__getitem__, paths), strict=True))
        return {name: found[path] for name, path in zip(names, paths, strict=True) if path in found}

    def all_images(self, folder: str) -> BitMap:
        """Every image, there or missing, whose path lies in a folder."""
        found = BitMap()
        for root, number in self._roots.items():
            if _within(root, folder):
                found |= self._images.under(number)
            elif _within(folder, root):
                found |= self._images.under(number, os.path.relpath(folder, root))
        return found

    def images_of(self, folder: str, but: Iterable[str] = ()) -> BitMap:
        """Every image, there or missing, of a folder, but for those of some folders in it."""
        place = self.of(folder)
        return self._collection.folders.images_in(place.root, place.before, but)

    def contains(self, path: str) -> bool:
        """Whether a path lies in the folder scanned."""
        return _within(path, self._top)


def parent_folders(path: str) -> tuple[str, str]:
    """The folder or tar that something lies in, and itself, which may be a tar."""
    inside = tar_of(path)
    return inside[0] if inside else path.rpartition("/")[0], path


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
