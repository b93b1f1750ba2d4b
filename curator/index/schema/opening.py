"""An index opened, and brought to this program's version; the steps that do so are imported only where it is older."""

from __future__ import annotations

from pathlib import Path

from curator.contract.locations import INDEX
from curator.index.file.database import Database
from curator.index.file.file_system import refuse_network
from curator.index.schema.version import FORMAT, format_of


def open_index(folder: Path) -> Database:
    """The index of a folder.

    Raises:
        UserError: there is none, or none this program can read, or the folder is on a network.
    """
    refuse_network(folder)
    database = Database.open(folder / INDEX)
    try:
        with database.reading() as connection:
            is_current = format_of(connection) == FORMAT
        if not is_current:
            from curator.index.schema.migrations import migrate

            migrate(database)
    except BaseException:
        database.close()
        raise
    return database
