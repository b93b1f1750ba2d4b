"""The inverse of a record's change beneath later ones: for values that are still as it left them."""

from __future__ import annotations

import sqlite3

from curator.index.changes.changes import RecordChanged
from curator.index.changes.record_paths import Record, value_at, with_values_of
from curator.index.changes.record_summary import record_name, value_name
from curator.index.changes.records import TABLES, independent_changes, key_of_name, packed, read, unpacked
from curator.index.undo.conflicts import Touches, record_key


def reverted_record(
    connection: sqlite3.Connection, change: RecordChanged, others: Touches, newer: Touches, skipped: list[str]
) -> list[RecordChanged]:
    """The inverse, given what others touched since, and newer rows of the same commit; adds to `skipped`, in words."""
    before, after = unpacked(change.before), unpacked(change.after)
    if before is None or after is None:
        return _reverted_whole(connection, change, others, newer, skipped)
    now = read(connection, change.table, change.key)
    key = (change.table, change.key)
    mine = [path for path in independent_changes(*key, before, after) if record_key(*key, *path) not in newer]
    free = [
        path
        for path in mine
        if now is not None
        and value_at(now, path) == value_at(after, path)
        and not _touched(record_key(*key, *path), others)
        and not (path == (TABLES[change.table].name,) and _is_taken(connection, change, before))
    ]
    skipped += [value_name(change.table, change.key, now or after, path) for path in mine if path not in free]
    if not free or now is None:
        return []
    result = with_values_of(now, before, free)
    return [RecordChanged(change.table, change.key, packed(now), packed(result))]


def _reverted_whole(
    connection: sqlite3.Connection, change: RecordChanged, others: Touches, newer: Touches, skipped: list[str]
) -> list[RecordChanged]:
    """A record that came goes and one that went comes, if nobody has touched anything of it since."""
    key = record_key(change.table, change.key)
    if key in newer:
        return []
    before, after = unpacked(change.before), unpacked(change.after)
    is_taken = before is not None and _is_taken(connection, change, before)
    if (
        is_taken
        or _touched(key, others)
        or not _is_as_left(read(connection, change.table, change.key), after)
    ):
        skipped.append(record_name(change.table, change.key, before or after or {}))
        return []
    return [RecordChanged(change.table, change.key, change.after, change.before)]


def _is_as_left(now: Record | None, after: Record | None) -> bool:
    """Fields that the table has got since do not count."""
    if now is None or after is None:
        return now is after
    return all(value_at(now, (name,)) == value for name, value in after.items())


def _touched(key: str, others: Touches) -> bool:
    """Whether others touched this, something in it, or what it lies in; what they took back again is empty."""
    return any(
        images and (other.startswith(key) or key.startswith(other)) for other, images in others.items()
    )


def _is_taken(connection: sqlite3.Connection, change: RecordChanged, record: Record) -> bool:
    """Whether another record has the name that this one shall have."""
    name = TABLES[change.table].name
    return bool(name) and key_of_name(connection, change.table, record[name]) not in (None, change.key)
