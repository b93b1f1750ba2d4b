"""Undo or redo of one commit while later ones stand.

A commit has rows in the journal: the edit, then one for each undo and redo. Each row changed things
(`conflicts.py`) from what they were to what the next row of the same commit found. So what a commit did is still as it
left it where no other commit has touched it since, not counting what was done and undone again; there the inverse
is made, the rest stays. Where nothing waits for an image but what is taken back, its row never needs to know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.index.changes.changes import Change, RecordChanged, TagChange, TagMoved, touched
from curator.index.changes.packing import unpack, unpack_near
from curator.index.editing.apply import apply
from curator.index.editing.fold import fold_images
from curator.index.undo.conflicts import Names, Touches, symmetric_difference, touches_of, union
from curator.index.undo.later_rows import later_rows, renamed_since, rows_of_commit
from curator.index.undo.reverted_change import CommitRow, Skipped, reverted_change, tags_of

if TYPE_CHECKING:
    from curator.index.editing.store import Store


@dataclass
class RevertResult:
    """Changes made; images whose deferred change was cancelled; what was skipped because others changed it since."""

    done: list[Change] = field(default_factory=list[Change])
    cancelled: BitMap = field(default_factory=BitMap)
    skipped: Skipped = field(default_factory=Skipped)


def revert(store: Store, commit: int, *, undo: bool) -> RevertResult:
    """Undo or redo a commit, except what later commits changed. Inside a write transaction."""
    rows = list(_own_rows(store, commit, undo))
    result = RevertResult()
    for row in rows:
        _revert_row(store, row, result, alone=len(rows) == 1)
    return result


def _own_rows(store: Store, commit: int, undo: bool) -> Iterator[CommitRow]:
    """Those to be inverted, the newest first, each with what was touched after it."""
    kinds = rows_of_commit(store.connection, commit)
    own = {number: unpack(_changes(store, number)) for number in kinds}
    names = Names(store.tags)
    changes = list(chain.from_iterable(own.values()))
    within = touched(changes)
    records = {(each.table, each.key) for each in changes if isinstance(each, RecordChanged)}
    plain = all(isinstance(change, TagChange | TagMoved) for change in changes)
    tags = tags_of(changes) if plain and not renamed_since(store.connection, min(own)) else None
    others: dict[int, Touches] = {}
    newer: Touches = {}
    for number, whose in later_rows(store.connection, own):
        if number not in own:
            found = touches_of(unpack_near(_changes(store, number), within, records), names, within, tags)
            others[whose] = symmetric_difference(others[whose], found) if whose in others else found
            continue
        forward = kinds[number] != "undo"
        if forward == undo:
            yield CommitRow(number, own[number], names.copy(), union(others.values()), newer)
        if number != min(own):
            newer = union([newer, touches_of(own[number], names, within)])


def _revert_row(store: Store, row: CommitRow, result: RevertResult, *, alone: bool) -> None:
    pending = store.pending
    left = pending.left_of(row.number)
    alone = alone and not row.renamed()  # a tag that comes back may be another than the one that went
    free = left - pending.left_after(row.number) if alone else BitMap()
    if free and row.touched():
        free -= row.touched_images(touches_of(row.changes, row.names.copy(), left))
    fold_images(store, (left - free) & _losing(row.changes))  # so that it is known where tags stood
    skipped = Skipped(values=result.skipped.values)
    recorded = pending.recorded(row.number)
    for number in reversed(range(len(row.changes))):
        inverse = reverted_change(store, row, number, recorded(number), skipped)
        apply(store, inverse)
        result.done += inverse.changes
    result.cancelled |= free - skipped.images
    result.skipped.images |= skipped.images
    pending.cancel(row.number, result.cancelled)


def _losing(changes: Sequence[Change]) -> BitMap:
    lost = [change.images for change in changes if isinstance(change, TagChange) and not change.added]
    return BitMap().union(*lost, *(change.both for change in changes if isinstance(change, TagMoved)))


def _changes(store: Store, number: int) -> bytes:
    return store.connection.execute("SELECT changes FROM journal WHERE id=?", (number,)).fetchone()[0]
