"""Dumps of a booru's posts, read row by row: SQLite, Parquet, JSON lines, or one JSON list or object.

Images are found by their file's name: the post's number, or the md5 (S009).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError
from curator.contract.files.regular_file import decoded, open_regular
from curator.interop.dumps.post_rows import post_row
from curator.interop.dumps.row_files import json_lines, parquet_rows, whole_items
from curator.interop.dumps.sqlite_dump import sqlite_posts
from curator.interop.plan import Dropped, ImportPlan, Row, Source
from curator.posts.post import KEYS, is_post

_LINE_BYTES = 1 << 22
Post = Mapping[str, Any]


def plan_booru(file: Path) -> ImportPlan:
    """Words and facts for images the collection already knows.

    Raises:
        UserError: the file is no dump, or nothing here can read it.
    """
    posts(file)  # says at once what is wrong with the file
    note = "images are matched by number or md5 in their file's name; scan them first"
    return ImportPlan("booru", notes=(note,), sources=(booru_source(file),))


def booru_source(file: Path, *, words: bool = True) -> Source:
    """The rows of a dump; tags are most of the work, and are left out without `words`."""

    def rows() -> Iterator[Row]:
        for post in posts(file, words=words):
            yield Dropped("a line that is no JSON object") if post is None else post_row(post, words=words)

    return Source(file, rows)


def posts(file: Path, *, words: bool = True) -> Iterator[Post | None]:
    """The posts of a dump as mappings, None for a line that is broken."""
    if not file.is_file():
        raise UserError(f"there is no file {file}", "give a dump: .jsonl, .json, .db, .sqlite or .parquet")
    kind = file.suffix.lower()
    if kind == ".parquet":
        return parquet_rows(file, KEYS)
    if kind in (".jsonl", ".ndjson", ".json"):
        return _json_posts(file)
    return sqlite_posts(file, words=words)


def _json_posts(file: Path) -> Iterator[Post | None]:
    if _is_one_value(file):
        items = (item and (_keyed(*item) if item[0] else item[1]) for item in whole_items(file))
        return (post for item in items for post in _posts_in(item))
    return (post for _, value in json_lines(file) for post in _posts_in(value))


def _is_one_value(file: Path) -> bool:
    """Whether the file is one list, or one object that is more than its first line, and not a value in each line."""
    try:
        with open_regular(file) as opened:
            start = decoded(opened.readline(_LINE_BYTES))[0].lstrip()
            while not start and (line := opened.readline(_LINE_BYTES)):
                start = decoded(line)[0].lstrip()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}", "check its name and rights") from error
    if start[:1] == "[" or file.suffix.lower() != ".json":
        return start[:1] == "["
    try:
        json.loads(start)
    except (ValueError, RecursionError):
        return True
    return False


def _keyed(key: str, value: Any) -> Any:
    """A post under its number, or the posts of one list."""
    if isinstance(value, dict):
        return {"id": key, **value} if key.isdecimal() else value
    return {"posts": value} if key == "posts" else {}


def _posts_in(value: Any) -> Iterator[Post | None]:
    """The posts of one value: itself, those of a page, or gallery-dl's `[3, url, {...}]`."""
    if isinstance(value, list) and len(value) > 1 and isinstance(value[0], int):
        if value[0] == 3:
            yield from _posts_in(value[-1])
    elif not isinstance(value, dict):
        yield None
    elif isinstance(value.get("posts"), list) and not is_post(value):
        yield from (each if isinstance(each, dict) else None for each in value["posts"])
    elif value and all(
        key.isdecimal() and isinstance(each, dict) for key, each in islice(value.items(), 100)
    ):
        yield from (_keyed(key, each) for key, each in value.items() if isinstance(each, dict))
    elif value:
        yield value
