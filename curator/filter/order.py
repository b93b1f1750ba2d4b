"""Decides the order of a result: by id, or by the keys asked for, ties by id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.filter.numbers import numbers
from curator.filter.scanned import paths_of
from curator.filter.tree import Sort
from curator.index.bitmaps import of_array
from curator.index.collection import Collection


def ordered(collection: Collection, images: BitMap, sorts: Sequence[Sort]) -> NDArray[np.uint32]:
    """The ids in order; the first sort key counts most."""
    ids = np.array(images.to_array(), np.uint32)
    for sort in reversed(sorts):
        keys = _keys(collection, ids, sort.field)
        if sort.descending:  # a stable sort of the reversed array, so that ties stay in id order
            order = len(ids) - 1 - np.argsort(keys[::-1], kind="stable")[::-1]
        else:
            order = np.argsort(keys, kind="stable")
        ids = ids[order]
    return ids


def _keys(collection: Collection, ids: NDArray[np.uint32], field: str) -> NDArray[np.generic]:
    if field not in ("name", "path"):
        return numbers(collection, field)[ids]
    paths = paths_of(collection, of_array(ids), name_only=field == "name")
    texts = sorted(set(paths.values()))
    rank = {text: number for number, text in enumerate(texts)}
    return np.fromiter((rank[paths[number]] for number in ids.tolist()), np.int64, len(ids))
