"""What a collection has names for, read from the index without loading what works on images.

A command that lists names is over before bitmaps and what works on images would be imported. Everything here is in
`Collection` as well, where it is kept and followed; a part that other rows may add to (counts of tags in the write
buffer) is left to that.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.index.schema.opening import open_index
from curator.index.tables.listed import (
    Quarantined,
    SavedFilter,
    kept_setting,
    quarantined_files,
    saved_filters,
)
from curator.index.tags.tag_listing import find_tags, used_tags
from curator.index.undo.commit_rows import count_commits, newest_commits

if TYPE_CHECKING:
    from curator.index.changes.commit import Commit
    from curator.index.collection import Collection
    from curator.index.file.database import Database
    from curator.index.tags.tag import Tag


class Names:
    """The names of one open index."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database

    def subsets(self) -> list[SavedFilter]:
        """The subsets in order, each with its filter alone."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT name, filter FROM subset ORDER BY position, id")
            return [SavedFilter(*row) for row in rows]

    def filters(self) -> list[SavedFilter]:
        """The saved filters by name."""
        with self._database.reading() as connection:
            return saved_filters(connection)

    def picks(self) -> list[str]:
        """The names of the saved picks."""
        with self._database.reading() as connection:
            return [name for (name,) in connection.execute("SELECT name FROM pick ORDER BY name")]

    def setting(self, key: str) -> Any:
        """What is kept under a key: JSON, None where nothing is."""
        with self._database.reading() as connection:
            return kept_setting(connection, key)

    def quarantined(self) -> list[Quarantined]:
        """The files that the last scan could not use, by path."""
        with self._database.reading() as connection:
            return quarantined_files(connection)

    def history(self, limit: int) -> list[Commit]:
        """The newest commits first; a limit of 0 stands for all."""
        with self._database.reading() as connection:
            return newest_commits(connection, limit)

    def count_edits(self) -> int:
        """How many commits the history has, undone ones too."""
        with self._database.reading() as connection:
            return count_commits(connection)

    def tags(self) -> list[Tag]:
        """Every tag in use, the most common first."""
        with self._database.reading() as connection:
            if not self._has_buffered():
                return used_tags(connection)
        with self._collection() as collection:
            return collection.all_tags()

    def find_tags(self, typed: str, limit: int) -> list[tuple[Tag, str]]:
        """Tags by any part of their name or of an alias, with that alias, the most used first."""
        with self._database.reading() as connection:
            if not self._has_buffered():
                return find_tags(connection, typed, limit)
        with self._collection() as collection:
            return collection.find_tags(typed, limit)

    def _has_buffered(self) -> bool:
        """Whether small commits wait in the write buffer, which counts of tags are to be added to."""
        return bool(self._database.connection.execute("SELECT EXISTS(SELECT 1 FROM late)").fetchone()[0])

    @contextmanager
    def _collection(self) -> Generator[Collection]:
        from curator.index.collection import Collection

        with Collection.open(self._folder) as collection:
            yield collection


@contextmanager
def open_names(folder: Path) -> Generator[Names]:
    """The names of the index in `folder`. An older index is brought up to date first.

    Raises:
        UserError: there is none, or it cannot be read, or what fails inside fails because it is damaged.
    """
    folder = folder.absolute()
    try:
        database = open_index(folder)
        try:
            yield Names(folder, database)
        finally:
            database.close()
    except UserError:
        raise
    except Exception:
        from curator.index.damage import damage_reported

        with damage_reported(folder):
            raise
