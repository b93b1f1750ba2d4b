"""The parts of one open index, and what other processes committed since its caches were filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.index.editing.journal_table import JournalTable
from curator.index.editing.pending import Pending
from curator.index.sets.bitmaps import Bitmaps, Flag
from curator.index.sets.columns import Columns
from curator.index.sets.write_buffer import WriteBuffer
from curator.index.tags.tag_table import TagTable

if TYPE_CHECKING:
    from curator.index.changes.changes import Change
    from curator.index.file.database import Database


class Store:
    """The parts an edit reads and writes together, always inside one transaction of `database`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection = database.connection
        self.journal = JournalTable(self.connection)
        self.pending = Pending(self.connection)
        self.write_buffer = WriteBuffer(self.connection)
        self.tags = TagTable(self.connection, self.write_buffer)
        self.bitmaps = Bitmaps(self.connection, self.write_buffer)
        self.columns = Columns(self.connection, self.write_buffer, self.pending.count_deltas)
        database.on_rollback = self.forget

    def forget(self) -> None:
        """What is cached may be wrong."""
        self.journal.forget()
        self._empty_caches()

    def _empty_caches(self) -> None:
        self.pending.forget()
        self.write_buffer.forget()
        self.tags.forget_all()
        self.bitmaps.forget()
        self.columns.forget()

    def catch_up(self) -> list[Change]:
        """What another process committed, oldest first; nothing, where the caches were emptied instead."""
        news = self.journal.news()
        if news is None:
            self._empty_caches()
            return []
        self.pending.forget()
        self.write_buffer.follow()
        self.tags.forget()
        return news

    def alive(self) -> BitMap:
        """Images whose file was there at the last scan."""
        return self.bitmaps.of(Flag.ALIVE)
