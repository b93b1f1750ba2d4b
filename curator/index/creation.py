"""Decides how a new index comes to be: made whole beside its place, then given its name: no kill leaves half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.database import Database, exists_already
from curator.index.migrations import migrate


def create_index(path: Path) -> None:
    """An empty index at `path`; a UserError where there is a file already, or none can be made."""
    if path.exists():
        raise exists_already(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".frieze-", dir=path.parent) as scratch:
            new = Path(scratch) / path.name
            database = Database.open(new, create=True)
            try:
                migrate(database)
            finally:
                database.close()  # brings the log into the file
            _name(new, path)
    except OSError as error:
        what = f"cannot make an index in {visible(str(path.parent))}: {error.strerror}"
        raise UserError(what, "give a folder you may write to") from error


def _name(new: Path, path: Path) -> None:
    try:
        os.link(new, path)  # unlike a rename, never takes the place of an index made meanwhile
    except FileExistsError as error:
        raise exists_already(path) from error
    except OSError:  # a file system without links
        if path.exists():
            raise exists_already(path) from None
        new.rename(path)
