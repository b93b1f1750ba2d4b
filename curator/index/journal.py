"""Decides how edits are remembered: one row per commit, and a line of undo that outlives the program.

Undo takes back the newest commit that stands, redo brings back the oldest taken back; a new edit ends redo.
Both are rows of the journal themselves, so another process that follows it by id sees everything.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from enum import IntEnum

from curator.index.changes import Change, inverse, pack, touched, unpack
from curator.index.edits import Commit
from curator.index.perform import perform
from curator.index.store import Store

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
        return self._append(_EDIT, actor, what, done, 0)

    def undo(self, actor: str) -> Commit | None:
        """Take the newest standing commit back."""
        row = self._connection.execute(
            "SELECT id, what, changes FROM journal WHERE state=? AND kind=? ORDER BY id DESC LIMIT 1",
            (State.STANDS, _EDIT),
        ).fetchone()
        if row is None:
            return None
        done = perform(self._store, inverse(unpack(row[2])))
        self._settle(row[0], State.UNDONE, inverse(done))
        return self._append("undo", actor, row[1], done, row[0])

    def redo(self, actor: str) -> Commit | None:
        """Do the commit again that was undone last."""
        row = self._connection.execute(
            "SELECT id, what, changes FROM journal WHERE state=? AND kind=? ORDER BY id LIMIT 1",
            (State.UNDONE, _EDIT),
        ).fetchone()
        if row is None:
            return None
        done = perform(self._store, unpack(row[2]))
        self._settle(row[0], State.STANDS, done)
        return self._append("redo", actor, row[1], done, row[0])

    def history(self, limit: int) -> list[Commit]:
        """The newest edits first, undone ones too."""
        query = f"SELECT {_COMMIT} FROM journal WHERE kind=? ORDER BY id DESC LIMIT ?"
        return [_commit(row) for row in self._connection.execute(query, (_EDIT, limit))]

    def last_id(self) -> int:
        """The number of the newest row: what a freeze was made from."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])

    def _settle(self, number: int, state: State, changes: Sequence[Change]) -> None:
        # what undoing really did may be more than the plain inverse (see `perform`); redo must match it
        row = (state, pack(changes), number)
        self._connection.execute("UPDATE journal SET state=?, changes=? WHERE id=?", row)

    def _append(self, kind: str, actor: str, what: str, done: Sequence[Change], target: int) -> Commit:
        changed = len(touched(done) & self._store.alive())
        row = (time.time(), actor, kind, what, changed, State.STANDS, target, pack(done))
        columns = "at, actor, kind, what, images_changed, state, target, changes"
        query = f"INSERT INTO journal({columns}) VALUES(?,?,?,?,?,?,?,?)"
        number = self._connection.execute(query, row).lastrowid
        return Commit(number or 0, row[0], actor, what, changed)


def _commit(row: tuple[int, float, str, str, int, int]) -> Commit:
    number, at, actor, what, changed, state = row
    return Commit(number, at, actor, what, changed, state != State.STANDS)
