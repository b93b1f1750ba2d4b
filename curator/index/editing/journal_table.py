"""The table of the journal: rows appended, their state, and those that other processes appended.

Nothing else writes it. A row's changes never change; what becomes of a commit is told by its state.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from curator.index.changes.changes import Change, Renamed
from curator.index.changes.commit import State
from curator.index.changes.packing import pack, unpack

REBUILT = "rebuild"  # a row of this kind: nothing cached before it is worth anything
_MANY_ROWS = 2000  # with more news than this, reading again is cheaper than following


class JournalTable:
    """Written inside the transaction that made the changes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seen: int | None = None  # the newest row that the caches know of

    def forget(self) -> None:
        """The caches are empty: they know of no row."""
        self._seen = None

    def append(
        self, kind: str, actor: str, what: str, changes: Sequence[Change], **more: int
    ) -> tuple[int, float]:
        """A new row, which the caches know of; gives its number and time."""
        at = time.time()
        row = {
            "at": at, "actor": actor, "kind": kind, "what": what, "images_changed": 0, "state": State.STANDS,
            "target": 0, "latest": 0, "renames": any(isinstance(change, Renamed) for change in changes),
            "changes": pack(changes), **more,
        }  # fmt: skip
        query = f"INSERT INTO journal({', '.join(row)}) VALUES({', '.join('?' * len(row))})"
        number = self._connection.execute(query, tuple(row.values())).lastrowid or 0
        self._seen = number
        return number, at

    def set_reverted(self, commit: int, state: State, by: int) -> None:
        """A commit was undone or redone by a newer row."""
        query = "UPDATE journal SET state=?, latest=? WHERE id=?"
        self._connection.execute(query, (state, by, commit))

    def leave_behind(self, commits: Sequence[int]) -> None:
        """Undone commits can be redone no more by `redo` alone."""
        query = "UPDATE journal SET state=? WHERE id=?"
        self._connection.executemany(query, [(State.LEFT_BEHIND, commit) for commit in commits])

    def news(self) -> list[Change] | None:
        """What others changed since the newest row that was seen, oldest first; None: the caches are to be emptied."""
        seen, self._seen = self._seen, self._newest()
        rows = [] if seen is None else self._rows_since(seen)
        if seen is None or len(rows) > _MANY_ROWS or any(kind == REBUILT for kind, _ in rows):
            return None
        return [change for _, data in rows for change in unpack(data)]

    def _newest(self) -> int:
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])

    def _rows_since(self, seen: int) -> list[tuple[str, bytes]]:
        query = "SELECT kind, changes FROM journal WHERE id>? ORDER BY id LIMIT ?"
        return self._connection.execute(query, (seen, _MANY_ROWS + 1)).fetchall()
