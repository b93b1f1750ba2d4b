"""New images of a scan entered into the index: a batch at once with annotations and sidecars, visible soon after."""

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
from curator.index.images.images import format_number
from curator.index.images.new_images import ImageBatch
from curator.index.images.sidecar_table import StateFields
from curator.scan.entering.resync import state_of
from curator.scan.readers.reading import FactsFields
from curator.scan.sidecars.sidecar import Sidecar, SidecarFields, merged_annotations

_SOURCE = "scan"
_SEEN_S = 10.0


class NewImages(NamedTuple):
    """New images side by side; `paths` are relative to the root."""

    paths: list[str]
    facts: list[FactsFields]
    sidecars: list[tuple[SidecarFields, ...]]


class NewImageWriter:
    """The new images of one scan. Use as a context manager.

    A batch is safe when it is written, and seen some seconds later, with others: making postings for each would take
    longer than all the rest. Where another import of this collection is running, each batch is seen at once.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._bulk: BulkImport | None = None
        self._seen = time.monotonic()

    def __enter__(self) -> NewImageWriter:
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

    def add(self, root: int, new: NewImages) -> BitMap:
        """Write images of one root and give their ids. Inside a write transaction."""
        annotations = _Annotations(new.sidecars)
        self._collection.tags.learn_classes(annotations.classes)
        first = self._collection.images.last_id() + 1
        self._write(_batch(root, new, annotations))
        ids = range(first, first + len(new.paths))
        self._collection.images.sidecars.put_all(zip(ids, annotations.states, strict=True))
        return BitMap(ids)

    def publish_if_due(self) -> None:
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


class _Annotations:
    """The words of new images, and what is remembered of their sidecars, side by side.

    `captions` is empty where no image has one.
    """

    def __init__(self, sidecars: Sequence[tuple[SidecarFields, ...]]) -> None:
        self.tags: list[tuple[str, ...]] = []
        self.states: list[Sequence[StateFields]] = []
        self.classes: list[tuple[str, str]] = []
        captions: dict[int, str] = {}
        for place, fields in enumerate(sidecars):
            if not fields:
                self.tags.append(())
                self.states.append(())
            elif (
                len(fields) == 1 and fields[0][6] is None and not fields[0][7]
            ):  # tags alone, as nearly always
                suffix, mtime_ns, file_bytes, digest, words_digest, tags, *_ = fields[0]
                self.tags.append(tags or ())
                self.states.append(((suffix, mtime_ns, file_bytes, digest, words_digest),))
            else:
                captions[place] = self._put(tuple(map(Sidecar._make, fields)))
        self.captions = (
            [captions.get(place, "") for place in range(len(sidecars))] if any(captions.values()) else ()
        )

    def _put(self, sidecars: tuple[Sidecar, ...]) -> str:
        """Any sidecars of one image; gives its caption."""
        words = merged_annotations(sidecars)
        tags, caption = words.tags or (), words.caption or ""
        self.tags.append(tags)
        self.states.append([state_of(sidecar, tags, caption) for sidecar in sidecars])
        self.classes += words.classes
        return caption


def _batch(root: int, new: NewImages, annotations: _Annotations) -> ImageBatch:
    contents, file_bytes, mtimes_ns, widths, heights, formats = zip(*new.facts, strict=True)
    return ImageBatch(
        root,
        new.paths,
        annotations.tags,
        contents,
        np.array(file_bytes, np.int64),
        np.array(widths, np.int64),
        np.array(heights, np.int64),
        np.array(mtimes_ns, np.int64),
        np.array(list(map(format_number, formats)), np.int64),
        annotations.captions,
    )
