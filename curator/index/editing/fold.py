"""Folding of pending edits into the rows: a few thousand rows at a time, each piece whole.

A kill between pieces loses nothing: what is folded and what still waits changes in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.index.editing import texts

if TYPE_CHECKING:
    from curator.index.changes.changes import Change
    from curator.index.editing.store import Store

ROWS_PER_PIECE = 5000
AT_ONCE = 1000  # an edit of up to so many images is folded in its own transaction


def fold_or_defer(store: Store, journal: int, changes: Sequence[Change], done: BitMap) -> None:
    """Let the rows follow a new journal row: now where few images lack it, else later; `done` never need it."""
    left = store.pending.defer(journal, changes, done)
    if len(left) > AT_ONCE:
        store.pending.keep(journal)
    elif left:
        fold_images(store, left)


def fold_images(store: Store, images: BitMap) -> None:
    """Bring the rows of these images up to date, inside a write transaction."""
    for piece in texts.batches(images, ROWS_PER_PIECE):
        _fold(store, piece, BitMap(piece))


def fold_piece(store: Store) -> int:
    """Fold one piece, the lowest ids first, inside a write transaction; gives how many images still wait."""
    waiting = store.pending.images()
    piece = list(waiting[:ROWS_PER_PIECE])
    if piece:
        # the whole span of ids counts as covered, which keeps the set of those done a few runs long
        _fold(store, piece, BitMap(range(piece[0], piece[-1] + 1)))
    return len(waiting) - len(piece)


def fold_for(store: Store, budget_s: float | None) -> int:
    """Fold pieces until nothing waits or the time is over; gives how many images still wait."""
    end = None if budget_s is None else time.monotonic() + budget_s
    while True:
        with store.database.reading():
            left = len(store.pending.images())
        if not left or (end is not None and time.monotonic() >= end):
            return left
        with store.database.writing():
            fold_piece(store)


def _fold(store: Store, piece: list[int], covered: BitMap) -> None:
    rows = texts.stored_rows(store, piece)
    before = rows.blobs()
    store.pending.fold(rows, covered)
    after = rows.blobs()
    changed = [
        (int(number), new) for number, old, new in zip(rows.ids, before, after, strict=True) if old != new
    ]
    texts.write_blobs(store, changed)
    store.columns.write_counts(rows.ids, rows.counts)
