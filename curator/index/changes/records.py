"""The small tables people edit, and their records as JSON, so that any edit can be undone.

A new table needs a line here. Records are found by a key that never changes; what may change, a name too, is a field.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from curator.index.changes.record_paths import ANY_DEPTH, Path, Record, differing

Key = str | int
# Settings whose parts make sense only together: a bucket rule, the presets of quality and which is used.
_DEEPEST: dict[tuple[str, Key], int] = {("setting", "bucket_rule"): 1, ("setting", "tag tables"): 4}
_TOGETHER: dict[tuple[str, Key], Path] = {("setting", "tag tables"): ("value", "quality")}
_WHOLE = ("pick",)  # what a pick says of itself belongs to its images


class Column(NamedTuple):
    """How a value of a column becomes JSON, and comes back from it."""

    to_json: Callable[[Any], Any]
    from_json: Callable[[Any], Any]


_PLAIN = Column(lambda value: value, lambda value: value)
_JSON = Column(json.loads, json.dumps)
BYTES = Column(lambda value: base64.b64encode(value).decode(), base64.b64decode)


class SmallTable(NamedTuple):
    """A table whose rows are records: its key, the other columns; `name` is a column that no two records share.

    `change_counter` is a setting that differs after each change, for whoever caches the table.
    """

    key: str
    columns: Mapping[str, Column]
    name: str = ""
    change_counter: str = ""


ALIASES_CHANGE_COUNTER = "alias generation"
_SUBSET = (
    "name", "position", "filter", "repeats", "loss_weight", "flip", "is_reg", "crop", "mask",
    "validation_share", "validation_seed",
)  # fmt: skip
TABLES = {
    "subset": SmallTable("id", {**dict.fromkeys(_SUBSET, _PLAIN), "rules": _JSON}, name="name"),
    "saved_filter": SmallTable("name", {"filter": _PLAIN}),
    "pick": SmallTable("name", {"images": BYTES, "about": _PLAIN}),
    "alias": SmallTable("alias", {"tag": _PLAIN}, change_counter=ALIASES_CHANGE_COUNTER),
    "setting": SmallTable("key", {"value": _JSON}),
}


def independent_changes(table: str, key: Key, before: Record, after: Record) -> list[Path]:
    """What two records differ in, in pieces that can be had without each other."""
    if table in _WHOLE:
        return [(name,) for name in {**before, **after}] if before != after else []
    paths = differing(before, after, _DEEPEST.get((table, key), ANY_DEPTH))
    whole = _TOGETHER.get((table, key))
    return list(dict.fromkeys(whole if whole and path[: len(whole)] == whole else path for path in paths))


def packed(record: Record | None) -> bytes | None:
    """A record as a change holds it."""
    return None if record is None else json.dumps(record).encode()


def unpacked(record: bytes | None) -> Record | None:
    """The inverse of `packed`."""
    return None if record is None else json.loads(record)


def read(connection: sqlite3.Connection, table: str, key: Key) -> Record | None:
    """The record as it is."""
    what = TABLES[table]
    query = f"SELECT {', '.join(what.columns)} FROM {table} WHERE {what.key}=?"
    row = connection.execute(query, (key,)).fetchone()
    return None if row is None else _record(what, row)


def read_all(connection: sqlite3.Connection, table: str, order: str) -> list[Record]:
    """All records, in the order of these columns."""
    what = TABLES[table]
    rows = connection.execute(f"SELECT {', '.join(what.columns)} FROM {table} ORDER BY {order}")
    return [_record(what, row) for row in rows]


def write(connection: sqlite3.Connection, table: str, key: Key, record: Record | None) -> None:
    """Put a record in the place of the one with its key, or take that away; columns it does not tell stay."""
    what = TABLES[table]
    if record is None:
        connection.execute(f"DELETE FROM {table} WHERE {what.key}=?", (key,))
    else:
        values = {
            name: column.from_json(record[name]) for name, column in what.columns.items() if name in record
        }
        connection.execute(
            f"INSERT INTO {table}({', '.join([what.key, *values])})"
            f" VALUES({', '.join('?' * (len(values) + 1))}) ON CONFLICT({what.key}) DO UPDATE SET "
            + ", ".join(f"{name}=excluded.{name}" for name in values),
            (key, *values.values()),
        )
    if what.change_counter:
        counter = (what.change_counter, json.dumps(os.urandom(8).hex()))
        connection.execute("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", counter)


def key_of_name(connection: sqlite3.Connection, table: str, name: str) -> Key | None:
    """The key of the record with that name."""
    what = TABLES[table]
    row = connection.execute(
        f"SELECT {what.key} FROM {table} WHERE {what.name or what.key}=?", (name,)
    ).fetchone()
    return row[0] if row else None


def _record(what: SmallTable, row: Sequence[Any]) -> Record:
    return {
        name: column.to_json(value) for (name, column), value in zip(what.columns.items(), row, strict=True)
    }
