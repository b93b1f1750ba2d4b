"""Creation of an index: made whole beside its place, then renamed; no kill leaves half."""

from __future__ import annotations

from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.whole_files import TakenError, drafted_file
from curator.contract.text import visible
from curator.index.file.database import Database, exists_already
from curator.index.schema.migrations import migrate


def create_index(path: Path) -> None:
    """An empty index at `path`; a UserError where there is a file already, or none can be made."""
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
        what = f"cannot make an index in {visible(str(path.parent))}: {error.strerror}"
        raise UserError(what, "give a folder you may write to") from error
