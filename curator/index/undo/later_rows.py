"""Journal rows that matter when a commit is undone: its own, and those of others made since."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from itertools import groupby

from curator.index.changes.commit import State

_ROWS = """SELECT id, CASE target WHEN 0 THEN id ELSE target END AS owner, state, latest, stayed, renames
    FROM journal WHERE id >= ? AND kind IN ('edit', 'undo', 'redo') ORDER BY owner, id"""
_Row = tuple[int, int, int, int, int, int]


def rows_of_commit(connection: sqlite3.Connection, commit: int) -> dict[int, str]:
    """The rows to look at of a commit, with their kind: the last one, or all where something was skipped once."""
    query = "SELECT id, kind, stayed FROM journal WHERE id=:id OR (target=:id AND target > 0) ORDER BY id"
    rows = connection.execute(query, {"id": commit}).fetchall()
    wanted = rows if any(row[2] for row in rows) else rows[-1:]
    return {row[0]: row[1] for row in wanted}


def later_rows(connection: sqlite3.Connection, own: Collection[int]) -> Iterator[tuple[int, int]]:
    """(row, its commit) from the newest row to the first of `own`; rows that together change nothing are left out."""
    found: list[tuple[int, int]] = []
    for owner, rows in groupby(connection.execute(_ROWS, (min(own),)), key=lambda row: row[1]):
        found += [(row[0], owner) for row in _latest_row_wins(list(rows), owner, max(own))]
    return iter(sorted(found, reverse=True))


def renamed_since(connection: sqlite3.Connection, first: int) -> bool:
    """Whether a row after `first` renamed a tag."""
    query = "SELECT 1 FROM journal WHERE id > ? AND renames LIMIT 1"
    return connection.execute(query, (first,)).fetchone() is not None


def _latest_row_wins(rows: list[_Row], owner: int, after: int) -> list[_Row]:
    """The latest row of a commit made `after` and never skipped in part; none where it is undone; else all rows."""
    number, _, state, latest, _, _ = rows[0]
    if number != owner or number <= after or any(row[4] or row[5] for row in rows):
        return rows
    return [row for row in rows if row[0] == (latest or owner)] if state == State.STANDS else []
