"""Faults of pages and rows: what SQLite says of its own pages, and what no row may hold.

`derived.py` finds what derived values do not agree with. These faults cannot be mended from within: a copy is
restored, or the folders are scanned again.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Callable

from pyroaring import BitMap

from curator.contract.text import counted, visible
from curator.index.changes.packing import unpack

WAY_BACK = "restore a copy of it, or move it away and scan the folders again; 'frieze verify' tells more"
_MOST_ID = (1 << 32) - 1
_TABLES = {
    "alias", "bitmap", "bitmap_change", "column_part", "fingerprint", "fold_place", "folder", "image", "image_text",
    "journal", "late", "late_settled", "metadata_part", "pending", "pick", "quarantine", "root", "rule_tag",
    "saved_filter", "score_part", "setting", "sidecar", "subset", "tag",
}  # fmt: skip
# table, what a sound row of it never is
_NEVER = (
    ("root", "typeof(path) <> 'blob'"),
    (
        "image",
        "typeof(path) <> 'blob' OR typeof(sha256) <> 'blob' OR length(sha256) <> 32"
        f" OR root NOT IN (SELECT id FROM root) OR id NOT BETWEEN 1 AND {_MOST_ID}",
    ),
    ("image_text", f"typeof(tags) <> 'blob' OR typeof(caption) <> 'text' OR id NOT BETWEEN 1 AND {_MOST_ID}"),
    ("setting", "key NOT LIKE '%generation' AND NOT json_valid(value)"),  # that of tags is no JSON
    ("subset", "NOT json_valid(rules) OR json_type(rules) <> 'object'"),
    ("tag", f"typeof(name) <> 'text' OR id NOT BETWEEN 1 AND {_MOST_ID}"),
)
SIGNS = (  # of damage, or of a bug: only a look at the index tells
    sqlite3.Error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, MemoryError,
    struct.error, zlib.error, RecursionError,
)  # fmt: skip
_PACKED: tuple[tuple[str, str, Callable[[bytes], object]], ...] = (
    ("journal", "changes", unpack),
    ("pick", "images", BitMap.deserialize),
    ("rule_tag", "images", BitMap.deserialize),
)


def page_and_row_faults(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with the file, and rows that cannot be; one sentence each."""
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    faults = [f"the file is torn: {visible(each)}" for each in found if each != "ok"]
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    faults += [f"the table {name} is missing" for name in sorted(_TABLES - there)]
    for table, never in () if faults else _NEVER:
        (count,) = connection.execute(f"SELECT count(*) FROM {table} WHERE {never}").fetchone()
        if count:
            faults.append(
                f"{counted(count, f'row of the table {table} is', f'rows of the table {table} are')} damaged"
            )
    return faults or _garbled(connection)


def _garbled(connection: sqlite3.Connection) -> list[str]:
    """Packed values of which nothing is derived that could be compared: the first of each kind that cannot be read."""
    faults: list[str] = []
    for table, column, read in _PACKED:
        for number, data in connection.execute(f"SELECT rowid, {column} FROM {table}"):
            try:
                read(data)
            except SIGNS:
                faults.append(f"row {number} of the table {table} is damaged")
                break
    return faults
