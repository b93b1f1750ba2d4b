"""Compaction of the write buffer: in portions that nobody waits for long.

A job that writes without pause begins when its rows have grown large, and compacts a small portion with each commit
from then on, until all that was there has its place; larger ones where the rows grow nevertheless. Whoever closes a
collection after writing compacts the rest.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.index.editing.store import Store

LARGE_BYTES = 1 << 20
_BITMAPS, _COUNTS, _PARTS = 20, 25, 2  # of one portion: about a millisecond
_PORTIONS_AT_CLOSE = 12


def compact_if_large(store: Store, bytes_allowed: int = LARGE_BYTES) -> None:
    """Compact a portion where a compaction has begun, or the buffer takes more; inside a write transaction."""
    size = store.write_buffer.bytes()
    if store.write_buffer.compaction_end() or size > bytes_allowed:
        compact_portion(store, max(1, size // bytes_allowed) ** 2)


def compact_portion(store: Store, portions: int = 1) -> None:
    """Compact some bitmaps, counts and parts of the column; inside a write transaction."""
    buffer = store.write_buffer
    end = buffer.compaction_end() or buffer.begin_compaction()
    sizes = (_BITMAPS * portions, _COUNTS * portions, _PARTS * portions)
    bitmaps, tags, parts = (
        list(islice(some, size + 1)) for some, size in zip(buffer.uncompacted(end), sizes, strict=True)
    )
    store.bitmaps.file.compact(bitmaps[: sizes[0]])
    store.tags.compact(tags[: sizes[1]])
    store.columns.compact(parts[: sizes[2]])
    if all(len(some) <= size for some, size in zip((bitmaps, tags, parts), sizes, strict=True)):
        buffer.finish_compaction()


def compact_all(store: Store) -> None:
    """Compact everything that is there now, some portions a transaction, so that others come between."""
    with store.database.reading():
        newest = store.write_buffer.newest()
    while True:
        with store.database.reading():
            if not 0 < store.write_buffer.oldest() <= newest:
                return
        with store.database.writing():
            compact_portion(store, _PORTIONS_AT_CLOSE)
