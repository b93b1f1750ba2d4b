"""The format of an index, as a number in the file."""

from __future__ import annotations

import sqlite3

FORMAT = 13  # what this program writes: how many steps `migrations.py` has


def format_of(connection: sqlite3.Connection) -> int:
    """The format an index has."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
