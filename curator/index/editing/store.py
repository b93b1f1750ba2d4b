"""The parts of one open index, and what other processes committed since its caches were filled."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyroaring import BitMap

from curator.index.changes.changes import Change, Renamed
from curator.index.changes.packing import pack, unpack
from curator.index.editing.pending import Pending
from curator.index.file.database import Database
from curator.index.sets.bitmaps import Bitmaps, Flag
from curator.index.sets.columns import Columns
from curator.index.sets.write_buffer import WriteBuffer
from curator.index.tags.tag_table import TagTable

REBUILT = "rebuild"  # a journal row of this kind: nothing cached before it is worth anything
_MANY_ROWS = 2000  # with more news than this, reading again is cheaper than following


class Store:
    """The parts an edit reads and writes together, always inside one transaction of `database`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection = database.connection
        self.pending = Pending(self.connection)
        self.write_buffer = WriteBuffer(self.connection)
        self.tags = TagTable(self.connection, self.write_buffer)
        self.bitmaps = Bitmaps(self.connection, self.write_buffer)
        self.columns = Columns(self.connection, self.write_buffer, self.pending.count_deltas)
        self._seen: int | None = None  # the newest journal row that the caches know of
        database.on_rollback = self.forget

    def forget(self) -> None:
        """What is cached may be wrong."""
        self._seen = None
        self.pending.forget()
        self.write_buffer.forget()
        self.tags.forget_all()
        self.bitmaps.forget()
        self.columns.forget()

    def catch_up(self) -> list[Change]:
        """What another process committed, oldest first; nothing, where the caches were emptied instead."""
        seen = self._seen
        self._seen = self._newest()
        news = [] if seen is None else self._rows_since(seen)
        if seen is None or len(news) > _MANY_ROWS or any(kind == REBUILT for kind, _ in news):
            self.forget()
            self._seen = self._newest()
            return []
        self.pending.forget()
        self.write_buffer.follow()
        self.tags.forget()
        return [change for _, data in news for change in unpack(data)]

    def record(
        self, kind: str, actor: str, what: str, changes: Sequence[Change], **more: int
    ) -> tuple[int, float]:
        """Append a row to the journal; gives its number and time. Inside the transaction that did the changes."""
        at = time.time()
        row = {
            "at": at, "actor": actor, "kind": kind, "what": what, "images_changed": 0, "state": 0, "target": 0,
            "latest": 0, "renames": any(isinstance(change, Renamed) for change in changes),
            "changes": pack(changes), **more,
        }  # fmt: skip
        query = f"INSERT INTO journal({', '.join(row)}) VALUES({', '.join('?' * len(row))})"
        number = self.connection.execute(query, tuple(row.values())).lastrowid or 0
        self._seen = number
        return number, at

    def alive(self) -> BitMap:
        """Images whose file was there at the last scan."""
        return self.bitmaps.of(Flag.ALIVE)

    def _newest(self) -> int:
        return int(self.connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])

    def _rows_since(self, seen: int) -> list[tuple[str, bytes]]:
        query = "SELECT kind, changes FROM journal WHERE id>? ORDER BY id LIMIT ?"
        return self.connection.execute(query, (seen, _MANY_ROWS + 1)).fetchall()
