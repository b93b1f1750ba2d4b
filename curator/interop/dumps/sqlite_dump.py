"""A dump of posts in SQLite: one table of posts, whose tags stand in it or in a table of posts and tags (S009).

The latter is how HakuBooru writes `danbooru2023.db`: `post`, `tag` with name and type, and `posttagrelation`. Posts and
their tags are walked side by side in the order of the posts, so that a dump of any size is read in little memory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from curator.contract.errors import UserError
from curator.posts.post import CLASSES, KEYS

_ROWS = 4096
_IDS = ("id", "post_id", "image_id")
_POST_KEYS = ("post_id", "post", "image_id")
_TAG_KEYS = ("tag_id", "tag")
_TAG_NAMES = ("name", "tag", "tag_name")
# By the number in `type` (HakuBooru) and in `category` (Danbooru and its kin).
_OF_KIND: Mapping[str, Mapping[str, str]] = {
    "type": {"0": "general", "1": "artist", "2": "character", "3": "copyright", "4": "meta"},
    "category": {"0": "general", "1": "artist", "3": "copyright", "4": "character", "5": "meta"},
}
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Relation:
    """The table that says which post has which tag, by its columns, and the table of tags."""

    table: str
    post: str
    tag: str
    tags: str
    id: str
    name: str
    kind: str = ""


@dataclass(frozen=True)
class _Posts:
    """The table of posts, its column of numbers, and those columns that say something here."""

    table: str
    id: str
    columns: Sequence[str]


def sqlite_posts(file: Path, *, words: bool = True) -> Iterator[Mapping[str, Any]]:
    """The posts of a dump by their columns; tags of a table of their own as `tag_string` and by class.

    Raises:
        UserError: it is no SQLite file, is damaged, or has no table of posts.
    """
    uri = f"file:{quote(os.fspath(file.absolute()))}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True)
        tables = _tables(connection)
    except sqlite3.DatabaseError as error:
        raise UserError(f"{file} is no SQLite file: {error}", "give a dump of posts") from error
    posts = _posts_in(tables)
    if posts is None:
        connection.close()
        raise UserError(
            f"{file} has no table of posts",
            "one with id and tag_string, tags, md5 or rating is looked for",
        )
    has_tags = any(name.startswith(("tag_string", "tags")) for name in posts.columns)
    relation = _relation_in(tables) if words and not has_tags else None
    return _rows(connection, posts, relation, file)


def _rows(
    connection: sqlite3.Connection, posts: _Posts, relation: _Relation | None, file: Path
) -> Iterator[Mapping[str, Any]]:
    try:
        rows = _post_rows(connection, posts, in_order=relation is not None)
        yield from _with_tags(connection, rows, relation) if relation else rows
    except sqlite3.DatabaseError as error:
        raise UserError(f"{file} is damaged: {error}", "fetch the dump again") from error
    finally:
        connection.close()


def _post_rows(connection: sqlite3.Connection, posts: _Posts, *, in_order: bool) -> Iterator[dict[str, Any]]:
    names = ["id", *posts.columns]
    columns = ", ".join(f'"{name}"' for name in (posts.id, *posts.columns))
    order = f' ORDER BY "{posts.id}"' if in_order else ""
    cursor = connection.execute(f'SELECT {columns} FROM "{posts.table}"{order}')
    while rows := cursor.fetchmany(_ROWS):
        for row in rows:
            yield dict(zip(names, row, strict=True))


def _with_tags(
    connection: sqlite3.Connection, posts: Iterator[dict[str, Any]], relation: _Relation
) -> Iterator[dict[str, Any]]:
    names, classes = _tag_names(connection, relation)
    pairs = connection.execute(
        f'SELECT "{relation.post}", "{relation.tag}" FROM "{relation.table}" '
        f'WHERE "{relation.post}" IS NOT NULL ORDER BY "{relation.post}"'
    )
    groups = groupby(pairs, itemgetter(0))
    number, tags = next(groups, (None, ()))
    for post in posts:
        while number is not None and _is_before(number, post["id"]):
            number, tags = next(groups, (None, ()))
        found = (
            [tag for _, tag in tags if tag in names] if number is not None and number == post["id"] else []
        )
        post["tag_string"] = " ".join(map(names.__getitem__, found))
        for tag in found:
            if tag in classes:
                key = f"tag_string_{classes[tag]}"
                post[key] = f"{post[key]} {names[tag]}" if key in post else names[tag]
        yield post


def _tag_names(connection: sqlite3.Connection, relation: _Relation) -> tuple[dict[Any, str], dict[Any, str]]:
    """The name of each tag, and its class where that is not general; a booru has a million of them."""
    kind = f', "{relation.kind}"' if relation.kind else ""
    rows = connection.execute(f'SELECT "{relation.id}", "{relation.name}"{kind} FROM "{relation.tags}"')
    numbers = _OF_KIND.get(relation.kind, {})
    names: dict[Any, str] = {}
    classes: dict[Any, str] = {}
    for tag, name, *kinds in rows:
        if not isinstance(name, str):
            continue
        names[tag] = "_".join(name.split())
        said = str(kinds[0]).lower() if kinds else ""
        cls = said if said in CLASSES else numbers.get(said, "general")
        if cls != "general":
            classes[tag] = cls
    return names, classes


def _is_before(number: Any, post: Any) -> bool:
    """In SQLite's order, where numbers stand before texts."""
    if isinstance(number, str) != isinstance(post, str):
        return isinstance(post, str)
    return post is not None and number < post


def _tables(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of every table and view."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    found: dict[str, list[str]] = {}
    for (table,) in rows:
        quoted = table.replace('"', '""')
        info = connection.execute(f'PRAGMA table_info("{quoted}")')
        found[quoted] = [row[1] for row in info]
    return found


def _posts_in(tables: Mapping[str, Sequence[str]]) -> _Posts | None:
    """The first table that has numbers and says something of posts."""
    order = sorted(tables, key=lambda table: table.lower() not in ("posts", "post", "images"))
    for table in order:
        columns = tables[table]
        number = _one_of(_IDS, columns)
        known = [name for name in columns if name in KEYS and name not in ("id", number)]
        if number and any(
            name in ("md5", "rating", "tags") or name.startswith("tag_string") for name in known
        ):
            return _Posts(table, number, known)
    return None


def _relation_in(tables: Mapping[str, Sequence[str]]) -> _Relation | None:
    """The first table that pairs posts with tags, with the table of tags."""
    pairs = (
        (table, post, tag)
        for table, columns in tables.items()
        if (post := _one_of(_POST_KEYS, columns)) and (tag := _one_of(_TAG_KEYS, columns))
    )
    table, post, tag = next(pairs, ("", "", ""))
    for tags, columns in tables.items():
        number, name = _one_of(("id", "tag_id"), columns), _one_of(_TAG_NAMES, columns)
        if table and tags != table and number and name and "tag" in tags.lower():
            return _Relation(table, post, tag, tags, number, name, _one_of(tuple(_OF_KIND), columns))
    return None


def _one_of(wanted: Sequence[str], columns: Sequence[str]) -> str:
    return next((name for name in wanted if name in columns), "")
