"""Writes that are taken back at their end: what they would do."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.index.file.database import Database


@contextmanager
def trial(database: Database) -> Generator[None]:
    """Take back at the end what is written inside, and that alone: what an outer transaction wrote stays."""
    had_written = database.has_written
    with database.writing(durable=True) as connection:
        connection.execute("SAVEPOINT trial")
        try:
            yield
        finally:
            if connection.in_transaction:  # else an error has ended it, and all is taken back
                connection.execute("ROLLBACK TO trial")
                connection.execute("RELEASE trial")
            database.on_rollback()
    database.has_written = had_written
