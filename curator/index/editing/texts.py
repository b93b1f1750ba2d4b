"""Tags and captions of many images: read and written in id order, in bounded batches.

Tags are read as they are, not as they are stored: what still waits in the journal (`pending.py`) is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.contract import varint
from curator.index.tags.tag_blob import Numbers, count_many
from curator.index.tags.tag_rows import TagRows

if TYPE_CHECKING:
    from curator.index.editing.store import Store

_BATCH = 500
ROWS_AT_ONCE = 5000


def batches(ids: Iterable[int], size: int = _BATCH) -> Iterator[list[int]]:
    """Ids in pieces that fit one statement."""
    rest = iter(ids)
    while piece := list(islice(rest, size)):
        yield piece


def tag_ids(store: Store, images: BitMap) -> Iterator[tuple[int, list[int]]]:
    """(image, its tag ids in caption order), ascending by image."""
    for number, blob in blobs(store, images):
        yield number, varint.unpack(blob)


def blobs(store: Store, images: BitMap) -> Iterator[tuple[int, bytes]]:
    """(image, its tags in the form they are stored in), ascending by image."""
    stale = store.pending.of(images)
    for piece in batches(images, ROWS_AT_ONCE):
        if not stale.intersect(BitMap(piece)):
            yield from stored(store, piece)
        else:
            rows = tag_rows(store, piece)
            yield from zip(rows.ids.tolist(), rows.blobs(), strict=True)


def tag_rows(store: Store, ids: Sequence[int]) -> TagRows:
    """The tags of images (ascending ids), ready for numpy."""
    rows = stored_rows(store, ids)
    store.pending.apply(rows)
    return rows


def tag_counts(store: Store, ids: Sequence[int]) -> Numbers:
    """How many of the images (ascending ids) have each tag, by tag id."""
    if store.pending.of(BitMap(ids)):
        return np.bincount(tag_rows(store, ids).values)
    query = "SELECT tags FROM image_text WHERE id IN ({})"
    run = store.connection.execute
    return count_many(
        [row[0] for piece in batches(ids) for row in run(query.format(",".join("?" * len(piece))), piece)]
    )


def stored_rows(store: Store, ids: Sequence[int]) -> TagRows:
    """Tags as they lie in the rows."""
    found = list(stored(store, ids))
    numbers = np.fromiter((row[0] for row in found), np.int64, len(found))
    return TagRows(numbers, [row[1] for row in found])


def stored(store: Store, ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """(image, its blob as it lies in the row), ascending."""
    for piece in batches(ids):
        marks = ",".join("?" * len(piece))
        yield from store.connection.execute(
            f"SELECT id, tags FROM image_text WHERE id IN ({marks}) ORDER BY id", piece
        )


def captions(store: Store, images: BitMap) -> Iterator[tuple[int, str]]:
    """(image, its free caption), ascending by image."""
    for piece in batches(images):
        marks = ",".join("?" * len(piece))
        yield from store.connection.execute(
            f"SELECT id, caption FROM image_text WHERE id IN ({marks}) ORDER BY id", piece
        )


def write_blobs(store: Store, rows: Iterable[tuple[int, bytes]]) -> None:
    """Replace tags as stored."""
    store.connection.executemany(
        "UPDATE image_text SET tags=? WHERE id=?", ((blob, number) for number, blob in rows)
    )


def write_captions(store: Store, rows: Iterable[tuple[int, str]]) -> None:
    """Replace free captions."""
    store.connection.executemany(
        "UPDATE image_text SET caption=? WHERE id=?", ((text, number) for number, text in rows)
    )
