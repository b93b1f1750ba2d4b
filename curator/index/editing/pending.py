"""Large edits that have not reached the rows: their changes wait in the journal, readers apply them.

A journal row that waits has a row in `pending`: `done` are the images whose rows have it already (or never need it,
because it was taken back first). Rows are brought up to date (`fold`) in the order of the journal, all waiting
changes of an image at once, so what waits for an image is always the newest that happened to it. Folding a removal
notes where the tag stood (`fold_place`), so that undoing it puts the tag back into its place.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.changes import (
    Change,
    Recorded,
    RowChange,
    TagChange,
    TagMoved,
    id_array,
    rows_of,
    touched,
)
from curator.index.changes.packing import unpack
from curator.index.editing.effects import count_change
from curator.index.sets.bitmaps import of_array
from curator.index.tags.tag_rows import END, TagRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

Noted: TypeAlias = "tuple[BitMap, NDArray[np.int64]]"  # where a tag stood, in id order


@dataclass
class Waiting:
    """One journal row, and the images whose rows still lack it."""

    journal: int
    steps: Sequence[tuple[int, RowChange]]
    done: BitMap
    left: BitMap = field(default_factory=BitMap)

    def __post_init__(self) -> None:
        self.left = touched(change for _, change in self.steps) - self.done

    def mark_done(self, images: BitMap) -> None:
        """These rows have it now."""
        self.done |= images
        self.left -= images


class Pending:
    """Everything that waits, oldest first."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: dict[int, Waiting] | None = None

    def forget(self) -> None:
        """Read again what waits; rows of the journal never change, so what is known of them is kept."""
        if self._waiting is not None:
            self._waiting = self._read(self._waiting)

    def images(self) -> BitMap:
        """Images whose rows are not up to date."""
        return BitMap().union(*(each.left for each in self._all()))

    def of(self, images: BitMap) -> BitMap:
        """Those of `images` whose rows are not up to date."""
        return BitMap().union(*(images & each.left for each in self._all()))

    def defer(self, journal: int, changes: Sequence[Change], done: BitMap) -> BitMap:
        """Let the changes of a new journal row wait, but for images that are `done`; gives the others.

        Until `keep` only memory knows of it: what is folded in the same transaction needs no row.
        """
        waiting = Waiting(journal, row_steps(changes), done)
        if waiting.left:
            self._known()[journal] = waiting
        return waiting.left.copy()

    def keep(self, journal: int) -> None:
        """Remember beyond this transaction that a new journal row waits."""
        done = self._known()[journal].done.serialize()
        self._connection.execute("INSERT INTO pending(journal, done) VALUES(?,?)", (journal, done))

    def cancel(self, journal: int, images: BitMap) -> None:
        """Some of the images that wait for a journal row are never to have it."""
        waiting = self._known().get(journal)
        if waiting and images:
            waiting.mark_done(images)
            self._save(waiting)

    def left_of(self, journal: int) -> BitMap:
        """Images whose rows still lack one journal row. Shared: copy before changing."""
        waiting = self._known().get(journal)
        return waiting.left if waiting else BitMap()

    def left_after(self, journal: int) -> BitMap:
        """Images whose rows lack any newer journal row."""
        return BitMap().union(*(each.left for each in self._all() if each.journal > journal))

    def apply(self, rows: TagRows) -> None:
        """Bring rows as stored up to date, in memory."""
        for waiting in self._all():
            _apply(waiting, rows)

    def fold(self, rows: TagRows, covered: BitMap) -> None:
        """The same, noting places; afterwards nothing waits for the images `covered` (a superset of the rows)."""
        for waiting in list(self._all()):
            for number, noted in _apply(waiting, rows).items():
                self._note(waiting.journal, number, noted)
            if not waiting.left.intersect(covered):
                continue
            waiting.mark_done(covered)
            self._save(waiting)

    def count_deltas(self) -> Iterator[tuple[BitMap, int]]:
        """(images, how many tags they will have more or fewer) of everything that waits."""
        for waiting in self._all():
            for _, change in waiting.steps:
                images, more = count_change(change)
                yield images & waiting.left, more

    def recorded(self, journal: int) -> Recorded:
        """Reads the places noted while a journal row was folded, by number of the change."""

        def read(number: int) -> tuple[BitMap, NDArray[np.uint32]] | None:
            query = "SELECT images, places FROM fold_place WHERE journal=? AND change=? ORDER BY first"
            parts = self._connection.execute(query, (journal, number)).fetchall()
            if not parts:
                return None
            ids = np.concatenate([id_array(BitMap.deserialize(part[0])) for part in parts])
            places = np.concatenate([np.frombuffer(zlib.decompress(part[1]), "<u4") for part in parts])
            order = np.argsort(ids, kind="stable")
            return BitMap.union(*(BitMap.deserialize(part[0]) for part in parts)), places[order]

        return read

    def _note(self, journal: int, number: int, noted: Noted) -> None:
        images, places = noted
        data = zlib.compress(places.astype("<u4").tobytes(), 1)
        row = (journal, number, images.min(), images.serialize(), data)
        self._connection.execute("INSERT INTO fold_place VALUES(?,?,?,?,?)", row)

    def _save(self, waiting: Waiting) -> None:
        if waiting.left:
            waiting.done.run_optimize()
            row = (waiting.done.serialize(), waiting.journal)
            self._connection.execute("UPDATE pending SET done=? WHERE journal=?", row)
        else:
            self._connection.execute("DELETE FROM pending WHERE journal=?", (waiting.journal,))
            del self._known()[waiting.journal]

    def _all(self) -> Sequence[Waiting]:
        known = self._known()
        return list(known.values()) if known else ()

    def _known(self) -> dict[int, Waiting]:
        if self._waiting is None:
            self._waiting = self._read({})
        return self._waiting

    def _read(self, known: dict[int, Waiting]) -> dict[int, Waiting]:
        found: dict[int, Waiting] = {}
        for journal, done in self._connection.execute("SELECT journal, done FROM pending ORDER BY journal"):
            steps = known[journal].steps if journal in known else self._steps_of(journal)
            found[journal] = Waiting(journal, steps, BitMap.deserialize(done))
        return found

    def _steps_of(self, journal: int) -> Sequence[tuple[int, RowChange]]:
        row = self._connection.execute("SELECT changes FROM journal WHERE id=?", (journal,)).fetchone()
        return row_steps(unpack(row[0]))


def row_steps(changes: Sequence[Change]) -> list[tuple[int, RowChange]]:
    """The changes that may wait, each with its number."""
    return [(number, each) for number, each in enumerate(changes) if isinstance(each, TagChange | TagMoved)]


def _apply(waiting: Waiting, rows: TagRows) -> dict[int, Noted]:
    """Do to rows what still waits for them; gives where tags stood that were taken away, by number of the change."""
    noted: dict[int, Noted] = {}
    here = waiting.left & of_array(rows.ids)
    for number, change in waiting.steps if here else ():
        images = change.images & here
        taken = _step(change, images, rows) if images else None
        if taken is not None:
            noted[number] = taken
    return noted


def _step(change: RowChange, images: BitMap, rows: TagRows) -> Noted | None:
    at = np.searchsorted(rows.ids, id_array(images))
    match change:
        case TagChange(tag, everyone, added, places):
            if not added:
                return images, rows.remove(tag, at)
            known = np.full(len(at), END, np.int64) if places is None else _places(everyone, images, places)
            rows.add(tag, at, known)
            return None
        case TagMoved(old, new, _, both):
            had_both = images & both
            rows.replace(old, new, np.searchsorted(rows.ids, id_array(images - both)))
            if not had_both:
                return None
            return had_both, rows.remove(old, np.searchsorted(rows.ids, id_array(had_both)))


def _places(everyone: BitMap, images: BitMap, places: bytes) -> NDArray[np.int64]:
    return np.frombuffer(places, "<u4")[rows_of(everyone, images)].astype(np.int64)
