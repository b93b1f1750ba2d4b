"""Decides when what small commits left in `late` reaches its own rows: in portions that nobody waits for long.

A job that writes without pause settles a portion when its rows have grown large: the bitmaps with most news, which
spares the most. Whoever closes a collection, or folds it to the end, settles everything.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from curator.index.columns import PART_BITS
from curator.index.store import Store

LARGE_BYTES = 384 << 10
_BITMAPS_AT_ONCE = 250
_PARTS_AT_ONCE = 24


def settle_if_large(store: Store, bytes_allowed: int = LARGE_BYTES) -> None:
    """Settle a portion where the rows of `late` take more; inside a write transaction."""
    if store.late.bytes() > bytes_allowed:
        settle_portion(store)


def settle_portion(store: Store) -> bool:
    """Settle what spares most, inside a write transaction; gives whether anything is left."""
    late = store.late
    marks, counts = late.bitmaps(), late.counts()
    some = heapq.nlargest(_BITMAPS_AT_ONCE, marks, key=lambda number: len(marks[number]))
    tags = some or heapq.nlargest(_BITMAPS_AT_ONCE, counts, key=lambda tag: abs(counts[tag]))
    store.bitmaps.file.settle(some)
    store.tags.settle(tags)
    store.columns.settle(_fullest_parts(late.image_counts()))
    late.save()
    return bool(late.bitmaps() or late.counts() or late.image_counts())


def settle_all(store: Store) -> None:
    """Settle everything, a portion a transaction, so that others come between."""
    while True:
        with store.database.reading():
            if not store.late.bytes():
                return
        with store.database.writing():
            settle_portion(store)


def _fullest_parts(images: Iterable[int]) -> list[int]:
    """Images of the column's parts that most wait for."""
    parts: dict[int, list[int]] = {}
    for image in images:
        parts.setdefault(image >> PART_BITS, []).append(image)
    fullest = heapq.nlargest(_PARTS_AT_ONCE, parts.values(), key=len)
    return [image for part in fullest for image in part]
