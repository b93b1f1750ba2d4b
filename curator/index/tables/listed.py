"""Rows of the small tables that are only listed: saved filters, quarantined files, settings. They load nothing else."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from curator.index.file.paths import from_blob


class SavedFilter(NamedTuple):
    """A filter under a name, for `saved:NAME` and the app's menu."""

    name: str
    filter: str


class Quarantined(NamedTuple):
    """A file a scan could not use, why, and since when."""

    path: str
    reason: str
    at: float


def saved_filters(connection: sqlite3.Connection) -> list[SavedFilter]:
    """All saved filters, by name."""
    rows = connection.execute("SELECT name, filter FROM saved_filter ORDER BY name").fetchall()
    return [SavedFilter(*row) for row in rows]


def kept_setting(connection: sqlite3.Connection, key: str, default: Any = None) -> Any:
    """The JSON value kept under a key; `default` where nothing is."""
    row = connection.execute("SELECT value FROM setting WHERE key=?", (key,)).fetchone()
    return json.loads(row[0]) if row else default


def quarantined_files(connection: sqlite3.Connection) -> list[Quarantined]:
    """All files in quarantine, by path."""
    rows = connection.execute("SELECT path, reason, at FROM quarantine ORDER BY path")
    return [Quarantined(from_blob(row[0]), row[1], row[2]) for row in rows]
