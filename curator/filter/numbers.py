"""Decides which array stands for a number field; all are indexed by image id."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.index.bitmaps import Flag
from curator.index.collection import Collection

Numbers = NDArray[Any]


def numbers(collection: Collection, field: str) -> Numbers:
    """The values of `field` per image id (`date` in seconds since 1970)."""
    columns = collection.columns
    match field:
        case "width" | "height":
            return columns.of(field)
        case "bytes":
            return columns.of("file_bytes")
        case "tags":
            return columns.of("tags_count")
        case "date":
            return columns.of("mtime_ns") / 1e9
        case "area":
            return columns.of("width").astype(np.int64) * columns.of("height")
        case "megapixels":
            return columns.of("width").astype(np.int64) * columns.of("height") / 1e6
        case "ratio":
            return columns.of("width") / np.maximum(columns.of("height"), 1)
        case "mark":
            return _marks(collection)
        case _:
            return np.arange(len(columns.of("width")))


def _marks(collection: Collection) -> Numbers:
    values = np.zeros(len(collection.columns.of("width")), np.int8)
    for flag, value in ((Flag.KEEP, 1), (Flag.REJECT, -1)):
        values[np.array(collection.bitmaps.of(flag).to_array(), np.int64)] = value
    return values
