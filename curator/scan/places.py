"""Decides which root a file belongs to: the deepest known root above it, or the folder scanned."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pyroaring import BitMap

from curator.index.collection import Collection
from curator.index.images import KnownFile
from curator.scan.find import Found


class Places:
    """Paths of a scan, split into root and rest. Made inside a write transaction (the folder may be a new root)."""

    def __init__(self, collection: Collection, top: str) -> None:
        self._images = collection.images
        self._top = top
        roots = self._images.roots()
        if not any(_within(top, root) for root in roots):
            roots[top] = self._images.root(top)
        self._roots = roots
        self._root_of: dict[str, str] = {}

    def split(self, found: Found) -> tuple[int, str]:
        """(root number, path relative to it)."""
        root = self._root(found.folder)
        return self._roots[root], found.path[len(root.rstrip("/")) + 1 :]

    def known(self, batch: Sequence[Found]) -> dict[str, KnownFile]:
        """What the index knows of these files, by absolute path."""
        by_root: dict[int, dict[str, str]] = {}
        for found in batch:
            root, path = self.split(found)
            by_root.setdefault(root, {})[path] = found.path
        known: dict[str, KnownFile] = {}
        for root, paths in by_root.items():
            for path, file in self._images.known(root, list(paths)).items():
                known[paths[path]] = file
        return known

    def all_images(self) -> BitMap:
        """Every image, there or missing, whose path lies in the folder scanned."""
        found = BitMap()
        for root, number in self._roots.items():
            if _within(root, self._top):
                found |= self._images.under(number)
            elif _within(self._top, root):
                found |= self._images.under(number, os.path.relpath(self._top, root))
        return found

    def holds(self, path: str) -> bool:
        """Whether a path lies in the folder scanned."""
        return _within(path, self._top)

    def _root(self, folder: str) -> str:
        found = self._root_of.get(folder)
        if found is None:
            above = [root for root in self._roots if _within(folder, root)]
            found = self._root_of[folder] = max(above, key=len)
        return found


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
