"""Decides how new images of a scan enter the index: all of a batch at once, with words, sidecars and postings."""

from __future__ import annotations

from collections.abc import Sequence
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
from curator.scan.sidecar import Sidecar, together

_SOURCE = "scan"


class Arriving(NamedTuple):
    """A new image; `path` is relative to the root."""

    path: str
    facts: Facts
    sidecars: tuple[Sidecar, ...]


def add_images(collection: Collection, root: int, images: Sequence[Arriving]) -> BitMap:
    """Add images of one root and give their ids. Inside a write transaction.

    The import is begun and ended within this transaction: nobody sees it half done, so it needs no lock.
    """
    words = [together(image.sidecars) for image in images]
    collection.tags.learn_classes(pair for each in words for pair in each.classes)
    contents, file_bytes, mtimes_ns, widths, heights, formats = zip(
        *(image.facts for image in images), strict=True
    )
    batch = ImageBatch(
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
    first = collection.images.last_id() + 1
    bulk = BulkImport(collection, _SOURCE)
    bulk.add(batch)
    bulk.publish()
    bulk.forget_position()
    if bulk.skipped:
        raise UserError("another scan of these folders is running", "wait for it to finish, or end it")
    ids = range(first, first + len(images))
    states = (
        [state_of(sidecar, each.tags or (), each.caption or "") for sidecar in image.sidecars]
        for image, each in zip(images, words, strict=True)
    )
    collection.images.sidecars.put_all(zip(ids, states, strict=True))
    return BitMap(ids)
