"""New images of a scan entered into the index: a batch at once with annotations and sidecars, visible soon after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.index.bulk_import import BulkImport
from curator.index.images.images import format_number
from curator.index.images.new_images import ImageBatch
from curator.scan.sidecars.sidecar import Sidecar, SidecarFields, merged_annotations
from curator.scan.sidecars.state import state_of

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.images.sidecar_table import StateFields
    from curator.scan.entering.folder_read import FolderRead
    from curator.scan.readers.reading import FactsFields

_SOURCE = "scan"
_SEEN_S = 10.0


class NewImages:
    """What is written of new images under one root, side by side; `paths` are relative to the root.

    `states` is what is remembered of each image's sidecars, `classes` those that sidecars give to tags.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._paths: list[str] = []
        self._facts: list[FactsFields] = []
        self._tags: list[tuple[str, ...]] = []
        self._captions: dict[int, str] = {}
        self.states: list[Sequence[StateFields]] = []
        self.classes: list[tuple[str, str]] = []

    def __len__(self) -> int:
        return len(self._paths)

    def add(self, read: FolderRead, places: Sequence[int]) -> None:
        """The images at some places of those read, none of which is without facts."""
        before, wanted, answer = read.place.before, read.wanted, read.answer
        self._paths.extend([before + wanted[at][0] for at in places])
        self._facts.extend([facts for at in places if (facts := answer.facts[at]) is not None])
        for at in places:
            self._annotate(answer.sidecars[at])

    def batch(self) -> ImageBatch:
        """The rows as the index takes them."""
        contents, file_bytes, mtimes_ns, widths, heights, formats = zip(*self._facts, strict=True)
        captions = self._captions
        return ImageBatch(
            self._root,
            self._paths,
            self._tags,
            contents,
            np.array(file_bytes, np.int64),
            np.array(widths, np.int64),
            np.array(heights, np.int64),
            np.array(mtimes_ns, np.int64),
            np.array(list(map(format_number, formats)), np.int64),
            [captions.get(row, "") for row in range(len(self))] if captions else (),
        )

    def _annotate(self, sidecars: tuple[SidecarFields, ...]) -> None:
        """Tags, caption and states of the next image."""
        if not sidecars:
            self._tags.append(())
            self.states.append(())
        elif len(sidecars) == 1 and sidecars[0][6] is None and not sidecars[0][7]:
            # tags alone, as nearly always
            suffix, mtime_ns, file_bytes, digest, words_digest, tags, *_ = sidecars[0]
            self._tags.append(tags or ())
            self.states.append(((suffix, mtime_ns, file_bytes, digest, words_digest),))
        else:
            self._annotate_by(tuple(map(Sidecar._make, sidecars)))

    def _annotate_by(self, sidecars: tuple[Sidecar, ...]) -> None:
        """Any sidecars of one image."""
        words = merged_annotations(sidecars)
        tags, caption = words.tags or (), words.caption or ""
        if caption:
            self._captions[len(self._tags)] = caption
        self._tags.append(tags)
        self.states.append([state_of(sidecar, tags, caption) for sidecar in sidecars])
        self.classes += words.classes


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

    def add(self, new: NewImages) -> BitMap:
        """Write images of one root and give their ids. Inside a write transaction."""
        self._collection.tags.learn_classes(new.classes)
        first = self._collection.images.last_id() + 1
        self._write(new.batch())
        ids = range(first, first + len(new))
        self._collection.images.sidecars.put_all(zip(ids, new.states, strict=True))
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
