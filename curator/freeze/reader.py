"""Reader of a collection for a freeze: file names, contents, sizes, tags and captions, from one moment of the index."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.freeze.bucket_table import BucketTable, bucket_table
from curator.freeze.packing.pieces import PieceJoiner, Pieces
from curator.index.bulk_rows import BulkRows, PathOrder, TagPiece
from curator.index.changes.changes import id_array
from curator.index.file.paths import from_blob
from curator.index.sets.bitmaps import Flag

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule
    from curator.index.collection import Collection

Numbers = NDArray[Any]


class Files(NamedTuple):
    """Images in the order of their paths; ascending by id their paths, and the sha256 of each as 32 bytes."""

    order: PathOrder
    paths: Pieces
    contents: NDArray[np.uint8]


class FreezeReader:
    """The one reader of a freeze and of what is said before it. `opened` gives it; it is of use inside alone."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._bulk = BulkRows(collection)
        self._captioned = BitMap(collection.bitmaps.of(Flag.CAPTIONED))
        self._tables: list[tuple[BucketRule, BitMap, BucketTable]] = []

    @classmethod
    @contextmanager
    def opened(cls, collection: Collection) -> Generator[FreezeReader]:
        """All that is read inside is of one moment."""
        with collection.reading():
            yield cls(collection)

    def roots(self) -> list[str]:
        """The roots in the order of their paths."""
        return [from_blob(path) for _, path in self._bulk.roots()]

    def column(self, name: str) -> Numbers:
        """Numbers by image id: `width`, `height`, `file_bytes`."""
        return self.collection.columns.of(name)

    def buckets(self, rule: BucketRule, images: BitMap) -> BucketTable:
        """The buckets of images; those asked for last are kept."""
        for known, placed, table in self._tables:
            if known == rule and placed == images:
                return table
        table = bucket_table(rule, id_array(images), self.column("width"), self.column("height"))
        self._tables = [*self._tables[-1:], (rule, images, table)]
        return table

    def in_path_order(self, images: BitMap) -> NDArray[np.uint32]:
        """Ids of images in the order of their paths."""
        return self._bulk.in_path_order(images).ids

    def paths(self, images: BitMap) -> Iterator[tuple[int, str]]:
        """(id, whole path) of images, in the order of their paths."""
        roots = [root.rstrip("/") for root in self.roots()]
        paths = [path for piece in self._bulk.files(images) for path in piece.paths.split(b"\0")[:-1]]
        order = self._bulk.in_path_order(images)
        places = np.searchsorted(id_array(images), order.ids).tolist()
        for image, root, place in zip(order.ids.tolist(), order.roots.tolist(), places, strict=True):
            yield image, f"{roots[root]}/{from_blob(paths[place])}"

    def tags(self) -> list[tuple[int, str, str]]:
        """(id, name, class) of every tag."""
        return self._bulk.tags()

    def tag_counts(self, images: BitMap, size: int) -> NDArray[np.int64]:
        """How many of the images have each tag, by ids below `size`. Of all images the index knows; else they are
        counted."""
        counts = np.zeros(size, np.int64)
        if images == self.collection.images.alive():
            known = self.collection.tags.counts()[:size]
            counts[: len(known)] = known
            return counts
        for piece in self._bulk.tag_pieces(images):
            counts += np.bincount(piece.values, minlength=size)
        counts[0] = 0
        return counts

    def tag_pieces(self, images: BitMap) -> Iterator[TagPiece]:
        """The tags of images in caption order, ascending by id, a piece at a time."""
        return self._bulk.tag_pieces(images)

    def captions(self, ids: NDArray[np.uint32]) -> list[bytes]:
        """The free texts of images in UTF-8; none at all where none has any."""
        captioned = BitMap(ids.tolist()) & self._captioned if self._captioned else None
        if not captioned:
            return []
        found = {image: text.encode() for image, text in self.collection.images.captions(captioned)}
        return [found.get(image, b"") for image in ids.tolist()]

    @contextmanager
    def reading_files(self, images: BitMap) -> Generator[Callable[[], Files]]:
        """Begin to read files in a thread, while others read tags; what is given waits for the end.

        SQLite joins thousands of rows in one step, and lets Python go on meanwhile. Leaving early ends the reading.
        """
        cancelled = Event()

        def read_on_own_connection() -> Files | None:
            with self._bulk.on_own_connection() as own:
                return _files(own, images, cancelled) if own else None

        with self._bulk.small_page_cache(), ThreadPoolExecutor(1) as pool:
            reading = pool.submit(read_on_own_connection)
            try:
                yield lambda: reading.result() or _files(self._bulk, images, cancelled)
            finally:
                cancelled.set()


def _files(bulk: BulkRows, images: BitMap, cancelled: Event) -> Files:
    order = bulk.in_path_order(images, cancelled.is_set)
    contents, paths = np.zeros((len(images), 32), np.uint8), PieceJoiner(len(images))
    done = 0
    for piece in bulk.files(images):
        if cancelled.is_set():
            break
        contents[done : done + len(piece.ids)] = piece.contents
        paths.add(piece.paths)
        done += len(piece.ids)
    return Files(order, paths.closed(), contents)
