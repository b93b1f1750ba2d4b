"""Decides what belongs together in one open index: rows, tag names, bitmaps and columns of one connection."""

from __future__ import annotations

from pyroaring import BitMap

from curator.index.bitmaps import Bitmaps, Flag
from curator.index.columns import Columns
from curator.index.database import Database
from curator.index.tag_table import TagTable


class Store:
    """The parts an edit reads and writes together, always inside one transaction of `database`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection = database.connection
        self.tags = TagTable(self.connection)
        self.bitmaps = Bitmaps(self.connection)
        self.columns = Columns(self.connection)
        database.on_foreign_change = self.forget

    def forget(self) -> None:
        """The file changed under the caches."""
        self.tags.forget()
        self.bitmaps.forget()
        self.columns.forget()

    def alive(self) -> BitMap:
        """Images whose file was there at the last scan."""
        return self.bitmaps.of(Flag.ALIVE)
