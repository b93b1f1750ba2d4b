"""Compaction of the write buffer: in portions that nobody waits for long.

A job that writes without pause begins when its rows have grown large, and settles a small portion with each commit from
then on, until all that was there has its place; larger ones where the rows grow nevertheless. Whoever closes a
collection after writing settles the rest.
"""

from __future__ import annotations

from itertools import islice

from curator.index.editing.store import Store

LARGE_BYTES = 1 << 20
_BITMAPS, _COUNTS, _PARTS = 20, 25, 2  # of one portion: about a millisecond
_PORTIONS_AT_CLOSE = 12


def settle_if_large(store: Store, bytes_allowed: int = LARGE_BYTES) -> None:
    """Settle a portion where that was begun, or the rows of `late` take more; inside a write transaction."""
    size = store.late.bytes()
    if store.late.end() or size > bytes_allowed:
        settle_portion(store, max(1, size // bytes_allowed) ** 2)


def settle_portion(store: Store, portions: int = 1) -> None:
    """Settle some bitmaps, counts and parts of the column; inside a write transaction."""
    late = store.late
    end = late.end() or late.begin()
    sizes = (_BITMAPS * portions, _COUNTS * portions, _PARTS * portions)
    bitmaps, tags, parts = (
        list(islice(some, size + 1)) for some, size in zip(late.unsettled(end), sizes, strict=True)
    )
    store.bitmaps.file.settle(bitmaps[: sizes[0]])
    store.tags.settle(tags[: sizes[1]])
    store.columns.settle(parts[: sizes[2]])
    if all(len(some) <= size for some, size in zip((bitmaps, tags, parts), sizes, strict=True)):
        late.finish()


def settle_all(store: Store) -> None:
    """Settle everything that is there now, some portions a transaction, so that others come between."""
    with store.database.reading():
        newest = store.late.newest()
    while True:
        with store.database.reading():
            if not 0 < store.late.oldest() <= newest:
                return
        with store.database.writing():
            settle_portion(store, _PORTIONS_AT_CLOSE)
