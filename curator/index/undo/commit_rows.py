"""Rows of the journal as commits, for whoever only lists them."""

from __future__ import annotations

import sqlite3

from curator.index.changes.commit import Commit, State

EDIT = "edit"  # the kind of row that is a commit
COMMIT_COLUMNS = """id, at, actor, what, images_changed, state,
    coalesce((SELECT last.stayed FROM journal last WHERE last.id = journal.latest), 0)"""


def commit_of(row: tuple[int, float, str, str, int, int, int]) -> Commit:
    """The commit of a row of `COMMIT_COLUMNS`."""
    number, at, actor, what, changed, state, stayed = row
    return Commit(number, at, actor, what, changed, state != State.STANDS, stayed)


def newest_commits(connection: sqlite3.Connection, limit: int) -> list[Commit]:
    """The newest commits first, undone ones too; a limit of 0 stands for all."""
    query = f"SELECT {COMMIT_COLUMNS} FROM journal WHERE kind=? ORDER BY id DESC LIMIT ?"
    return [commit_of(row) for row in connection.execute(query, (EDIT, limit or -1))]


def count_commits(connection: sqlite3.Connection) -> int:
    """How many commits there are, undone ones too."""
    return int(connection.execute("SELECT count(*) FROM journal WHERE kind=?", (EDIT,)).fetchone()[0])
