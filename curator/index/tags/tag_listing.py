"""Tags listed and found by a part of their name in one look at the table, without an array of all names.

For a program that asks once. One that asks with every key typed keeps a `TagLookup`, which gives the same.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from curator.index.tags.tag import Tag
from curator.index.tags.tag_names import folded

_PARTS = str.maketrans("_", " ")  # as in `tag_lookup.py`
_USED = "SELECT id, name, class, count, folded FROM tag WHERE count > 0"


class _Hit(NamedTuple):
    """Sorts as found tags are told: a name that starts so, a word that does, the rest; the common first."""

    rank: int
    fewer: int  # images, negated
    id: int
    place: int  # a tag before its aliases
    tag: Tag
    alias: str


def used_tags(connection: sqlite3.Connection) -> list[Tag]:
    """Every tag that images have, the most common first, then by name."""
    query = "SELECT id, name, class, count FROM tag WHERE count > 0 ORDER BY count DESC, name"
    return [Tag(*row) for row in connection.execute(query)]


def find_tags(connection: sqlite3.Connection, typed: str, limit: int) -> list[tuple[Tag, str]]:
    """Tags by any part of their name or of an alias, and that alias; nothing typed gives the most common tags."""
    wanted = folded(typed.strip()).translate(_PARTS)
    if not wanted:
        rows = connection.execute(f"{_USED} ORDER BY count DESC, id LIMIT ?", (limit,))
        return [(Tag(*row[:4]), "") for row in rows]
    found: dict[int, tuple[Tag, str]] = {}
    for hit in sorted((*_by_name(connection, wanted), *_by_alias(connection, wanted))):
        found.setdefault(hit.id, (hit.tag, hit.alias))
        if len(found) == limit:
            break
    return list(found.values())


def _by_name(connection: sqlite3.Connection, wanted: str) -> Iterator[_Hit]:
    query = f"{_USED} AND instr(replace(folded, '_', ' '), ?) > 0"
    for *row, key in connection.execute(query, (wanted,)):
        tag = Tag(*row)
        yield _Hit(_rank(key, wanted), -tag.count, tag.id, 0, tag, "")


def _by_alias(connection: sqlite3.Connection, wanted: str) -> Iterator[_Hit]:
    aliases: Iterable[tuple[str, str]] = connection.execute("SELECT alias, tag FROM alias ORDER BY alias")
    for place, (alias, name) in enumerate(aliases, 1):
        key = folded(alias)
        if wanted in key.translate(_PARTS) and (tag := _spelled(connection, name)):
            yield _Hit(_rank(key, wanted), -tag.count, tag.id, place, tag, alias)


def _spelled(connection: sqlite3.Connection, name: str) -> Tag | None:
    """The tag meant by a name, of all its spellings that images have."""
    found = [Tag(*row[:4]) for row in connection.execute(f"{_USED} AND folded = ?", (folded(name),))]
    return min(found, key=lambda tag: (tag.name != name, -tag.count, tag.id), default=None)


def _rank(key: str, wanted: str) -> int:
    """0 where a name starts so, 1 where a word of it does, 2 elsewhere in it."""
    places = [hit.start() for hit in re.finditer(re.escape(wanted), key.translate(_PARTS))]
    if 0 in places:
        return 0
    return 1 if any(not key.translate(_PARTS)[place - 1].isalnum() for place in places) else 2
