"""Decides how dumps of a booru's posts are opened: SQLite, JSON lines or Parquet, read a few thousand rows at a time.

Pictures are found by their file's name: the post's number, or the md5 (S009).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.interop.json_stream import json_lines
from curator.interop.parquet import parquet_rows
from curator.interop.plan import ImportPlan
from curator.interop.posts import post_row
from curator.interop.records import Dropped, Row, Source

_ROWS = 4096
COLUMNS = (
    "id", "rating", "score", "fav_count", "created_at", "tag_string", "tag_string_artist", "tag_string_character",
    "tag_string_copyright", "tag_string_general", "tag_string_meta", "is_deleted", "file_ext", "md5",
)  # fmt: skip
Post = Mapping[str, Any]


def plan_booru(file: Path) -> ImportPlan:
    """Words and facts for pictures the collection already knows.

    Raises:
        UserError: the file is no dump, or nothing here can read it.
    """
    posts(file)  # says at once what is wrong with the file
    note = "pictures are matched by number or md5 in their file's name; scan them first"
    return ImportPlan("booru", notes=(note,), sources=(booru_source(file),))


def booru_source(file: Path, *, words: bool = True) -> Source:
    """The rows of a dump; tags are most of the work, and are left out without `words`."""

    def rows() -> Iterator[Row]:
        for post in posts(file):
            yield Dropped("a line that is no JSON object") if post is None else post_row(post, words=words)

    return Source(file, rows)


def posts(file: Path) -> Iterator[Post | None]:
    """The posts of a dump as mappings, None for a line that is broken."""
    if not file.is_file():
        raise UserError(
            f"there is no file {visible(str(file))}", "give a dump: .jsonl, .db, .sqlite or .parquet"
        )
    kind = file.suffix.lower()
    if kind == ".parquet":
        return parquet_rows(file, COLUMNS)
    if kind in (".jsonl", ".ndjson", ".json"):
        return (value if isinstance(value, dict) else None for _, value in json_lines(file))
    return _sqlite(file)


def _sqlite(file: Path) -> Iterator[Post]:
    uri = f"file:{quote(os.fspath(file.absolute()))}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True)
        table, columns = _post_table(connection, file)
    except sqlite3.DatabaseError as error:
        raise UserError(f"{visible(str(file))} is no SQLite file: {error}", "give a dump of posts") from error
    return _sqlite_rows(connection, table, columns, file)


def _sqlite_rows(
    connection: sqlite3.Connection, table: str, columns: list[str], file: Path
) -> Iterator[Post]:
    names = ", ".join(f'"{name}"' for name in columns)
    try:
        cursor = connection.execute(f'SELECT {names} FROM "{table}"')
        while rows := cursor.fetchmany(_ROWS):
            for row in rows:
                yield dict(zip(columns, row, strict=True))
    except sqlite3.DatabaseError as error:
        raise UserError(f"{visible(str(file))} is damaged: {error}", "fetch the dump again") from error
    finally:
        connection.close()


def _post_table(connection: sqlite3.Connection, file: Path) -> tuple[str, list[str]]:
    """The first table that has ids and tags, and its columns that say something here."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    for (table,) in sorted(tables, key=lambda row: row[0] not in ("posts", "post")):
        quoted = table.replace('"', '""')
        has = {row[1] for row in connection.execute(f'PRAGMA table_info("{quoted}")')}
        if "id" in has and any(name.startswith("tag_string") or name == "md5" for name in has):
            return quoted, [name for name in COLUMNS if name in has]
    raise UserError(
        f"{visible(str(file))} has no table of posts", "one with id and tag_string or md5 is looked for"
    )
