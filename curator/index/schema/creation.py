"""An index created: made whole beside its place, then renamed; no kill leaves half."""

from __future__ import annotations

from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_file
from curator.contract.locations import INDEX
from curator.index.file.database import Database, exists_already
from curator.index.file.file_system import refuse_network
from curator.index.schema.migrations import migrate


def is_indexed(folder: Path) -> bool:
    """Whether a folder has an index."""
    return (folder / INDEX).exists()


def create_index(folder: Path) -> None:
    """An empty index in a folder, which is made if need be.

    Raises:
        UserError: there is an index already, or none can be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"cannot make the folder {folder}: {error.strerror}"
        raise UserError(what, "give a folder you may write to") from error
    refuse_network(folder)
    path = folder / INDEX
    if path.exists():
        raise exists_already(path)
    try:
        with drafted_file(path, replace=False) as new:
            database = Database.open(new, create=True)
            try:
                migrate(database)
            finally:
                database.close()  # brings the log into the file
    except TakenError:
        raise exists_already(path) from None
    except OSError as error:
        what = f"cannot make an index in {path.parent}: {error.strerror}"
        raise UserError(what, "give a folder you may write to") from error
