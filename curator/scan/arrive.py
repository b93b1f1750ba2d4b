"""Decides how new images of a scan enter the index: a batch at once with words and sidecars, seen soon after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple

import numpy as np
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.index.bulk_import import BulkImport
from curator.index.collection import Collection
from curator.index.images import format_number
from curator.index.new_images import ImageBatch
from curator.scan.reading import Facts
from curator.scan.resync import state_of
from curator.scan.sidecar import Sidecar, SidecarWords, together

_SOURCE = "scan"
_SEEN_S = 10.0


class Arriving(NamedTuple):
    """A new image; `path` is relative to the root."""

    path: str
    facts: Facts
    sidecars: tuple[Sidecar, ...]


class Arrivals:
    """The new images of one scan. Use as a context manager.

    A batch is safe when it is written, and seen some seconds later, with others: making postings for each would take
    longer than all the rest. Where another import of this collection is running, each batch is seen at once.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._bulk: BulkImport | None = None
        self._seen = time.monotonic()

    def __enter__(self) -> Arrivals:
        try:
            self._bulk = BulkImport(self._collection, _SOURCE).__enter__()
        except UserError:
            self._bulk = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bulk is not None:
            self._bulk.__exit__(kind, error, trace)
            if error is None:
                self._bulk.forget_position()

    def add(self, root: int, images: Sequence[Arriving]) -> BitMap:
        """Write images of one root and give their ids. Inside a write transaction."""
        words = [together(image.sidecars) for image in images]
        self._collection.tags.learn_classes(pair for each in words for pair in each.classes)
        first = self._collection.images.last_id() + 1
        self._write(_batch(root, images, words))
        ids = range(first, first + len(images))
        states = (
            [state_of(sidecar, each.tags or (), each.caption or "") for sidecar in image.sidecars]
            for image, each in zip(images, words, strict=True)
        )
        self._collection.images.sidecars.put_all(zip(ids, states, strict=True))
        return BitMap(ids)

    def show(self) -> None:
        """Let what was written be seen, where that was not done a moment ago. Outside of transactions."""
        if self._bulk is not None and time.monotonic() - self._seen > _SEEN_S:
            self._bulk.publish()
            self._seen = time.monotonic()

    def _write(self, batch: ImageBatch) -> None:
        bulk = self._bulk or BulkImport(self._collection, _SOURCE)
        bulk.add(batch)
        if bulk.skipped:
            raise UserError("another scan of these folders is running", "wait for it to finish, or end it")
        if self._bulk is None:  # begun and ended within this transaction: nobody sees it half done
            bulk.publish()
            bulk.forget_position()


def _batch(root: int, images: Sequence[Arriving], words: Sequence[SidecarWords]) -> ImageBatch:
    contents, file_bytes, mtimes_ns, widths, heights, formats = zip(
        *(image.facts for image in images), strict=True
    )
    return ImageBatch(
        root,
        [image.path for image in images],
        [each.tags or () for each in words],
        contents,
        np.array(file_bytes, np.int64),
        np.array(widths, np.int64),
        np.array(heights, np.int64),
        np.array(mtimes_ns, np.int64),
        np.array([format_number(name) for name in formats], np.int64),
        [each.caption or "" for each in words] if any(each.caption for each in words) else (),
    )
