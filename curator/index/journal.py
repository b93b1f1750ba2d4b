"""Decides how edits are remembered: one row per commit, and a line of undo that outlives the program.

Undo takes back the newest commit that stands, redo brings back the oldest taken back; a new edit ends redo. Both are
rows of the journal themselves and the exact inverse of the row before them on the same commit (`latest`), so another
process that follows the journal by id sees everything. Rows of other kinds say what scans did, for the same readers.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from enum import IntEnum

from pyroaring import BitMap

from curator.index.changes import Change, Renamed, inverse, touched
from curator.index.edits import Commit
from curator.index.fold import AT_ONCE, fold_images
from curator.index.packing import unpack
from curator.index.perform import perform
from curator.index.store import REBUILT, Store

_EDIT = "edit"
_COMMIT = "id, at, actor, what, images_changed, state"


class State(IntEnum):
    """What became of a commit."""

    STANDS = 0
    UNDONE = 1  # and may be done again
    LEFT_BEHIND = 2  # undone, then something else was done


class Journal:
    """The commits of one index."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._store.connection

    def commit(self, changes: Sequence[Change], actor: str, what: str) -> Commit:
        """Perform changes and remember them. Inside a write transaction; nothing to do keeps nothing."""
        if not changes:
            return Commit(0, time.time(), actor, what, 0)
        done = perform(self._store, changes)
        self._connection.execute(
            "UPDATE journal SET state=? WHERE state=?", (State.LEFT_BEHIND, State.UNDONE)
        )
        return self._append(_EDIT, actor, what, done, target=0, cancelled=BitMap())

    def undo(self, actor: str) -> Commit | None:
        """Take the newest standing commit back."""
        row = self._connection.execute(
            "SELECT id, what, latest FROM journal WHERE state=? AND kind=? ORDER BY id DESC LIMIT 1",
            (State.STANDS, _EDIT),
        ).fetchone()
        return self._turn_back("undo", actor, row, State.UNDONE) if row else None

    def redo(self, actor: str) -> Commit | None:
        """Do the commit again that was undone last."""
        row = self._connection.execute(
            "SELECT id, what, latest FROM journal WHERE state=? AND kind=? ORDER BY id LIMIT 1",
            (State.UNDONE, _EDIT),
        ).fetchone()
        return self._turn_back("redo", actor, row, State.STANDS) if row else None

    def history(self, limit: int) -> list[Commit]:
        """The newest edits first, undone ones too."""
        query = f"SELECT {_COMMIT} FROM journal WHERE kind=? ORDER BY id DESC LIMIT ?"
        return [_commit(row) for row in self._connection.execute(query, (_EDIT, limit))]

    def of_image(self, image: int, limit: int) -> list[Commit]:
        """The newest edits that changed one image."""
        query = f"SELECT {_COMMIT}, changes FROM journal WHERE kind=? ORDER BY id DESC"
        found: list[Commit] = []
        for *row, changes in self._connection.execute(query, (_EDIT,)):
            if len(found) == limit:
                break
            if image in touched(unpack(changes)):
                found.append(_commit((row[0], row[1], row[2], row[3], row[4], row[5])))
        return found

    def last_id(self) -> int:
        """The number of the newest row: what a freeze was made from."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])

    def last_file_change(self) -> int:
        """The number of the newest row that says images came, went, moved or changed."""
        query = "SELECT coalesce(max(id), 0) FROM journal WHERE kind=?"
        kinds = ("import", "files", REBUILT)
        return max(int(self._connection.execute(query, (kind,)).fetchone()[0]) for kind in kinds)

    def _turn_back(self, kind: str, actor: str, row: tuple[int, str, int], state: State) -> Commit:
        """Perform the inverse of what was last done for a commit. Rows it has not reached yet need nothing."""
        number, what, latest = row[0], row[1], row[2] or row[0]
        pending = self._store.pending
        data = self._connection.execute("SELECT changes FROM journal WHERE id=?", (latest,)).fetchone()[0]
        changes = unpack(data)
        if any(isinstance(change, Renamed) for change in changes):
            fold_images(self._store, pending.left_of(latest))  # its inverse may concern more than it did
        cancelled = pending.cancel(latest)
        done = perform(self._store, inverse(changes, pending.recorded(latest)))
        commit = self._append(kind, actor, what, done, target=number, cancelled=cancelled)
        self._connection.execute(
            "UPDATE journal SET state=?, latest=? WHERE id=?", (state, commit.id, number)
        )
        return commit

    def _append(
        self, kind: str, actor: str, what: str, done: Sequence[Change], *, target: int, cancelled: BitMap
    ) -> Commit:
        store = self._store
        changed = len(touched(done) & store.alive())
        number, at = store.record(kind, actor, what, done, images_changed=changed, target=target)
        store.pending.defer(number, done, cancelled)
        left = store.pending.left_of(number)
        if len(left) <= AT_ONCE:
            fold_images(store, left)
        return Commit(number, at, actor, what, changed)


def _commit(row: tuple[int, float, str, str, int, int]) -> Commit:
    number, at, actor, what, changed, state = row
    return Commit(number, at, actor, what, changed, state != State.STANDS)
