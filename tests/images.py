"""Images of a collection as rows alone: no file is read, so none is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np

from curator.index.bulk_import import BulkImport
from curator.index.collection import Collection
from curator.index.images.image_facts import FileFacts, format_number
from curator.index.images.new_images import ImageBatch


@dataclass(frozen=True)
class NewImage:
    """An image to add. `path` is relative to the root; `classes` are pairs of a tag and its class."""

    root: int
    path: str
    facts: FileFacts
    tags: tuple[str, ...] = ()
    caption: str = ""
    classes: tuple[tuple[str, str], ...] = ()


def add_images(collection: Collection, images: Sequence[NewImage]) -> list[int]:
    """Import images in one transaction, seen at once; gives their ids. Another import may be running meanwhile."""
    bulk = BulkImport(collection, "tests")
    with collection.writing():
        collection.tags.learn_classes(chain.from_iterable(image.classes for image in images))
        first = collection.images.last_id() + 1
        for root, group in groupby(images, lambda image: image.root):
            bulk.add(_batch(root, list(group)))
        assert not bulk.skipped
        bulk.publish()
        bulk.forget_position()
    return list(range(first, first + len(images)))


def _batch(root: int, images: Sequence[NewImage]) -> ImageBatch:
    facts = [image.facts for image in images]
    return ImageBatch(
        root,
        [image.path for image in images],
        [image.tags for image in images],
        [fact.sha256 for fact in facts],
        np.array([fact.file_bytes for fact in facts]),
        np.array([fact.width for fact in facts]),
        np.array([fact.height for fact in facts]),
        np.array([fact.mtime_ns for fact in facts]),
        np.array([format_number(fact.format) for fact in facts]),
        [image.caption for image in images],
    )
