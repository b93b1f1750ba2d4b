"""The edit of a record as a line of the history: `subset alice: repeats 2 -> 3`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from curator.contract.text import visible
from curator.index.changes.record_paths import ABSENT, Path, Record, differing, value_at

if TYPE_CHECKING:
    from curator.index.changes.records import Key

_KINDS: Mapping[str, str] = {
    "subset": "subset {}",
    "saved_filter": "saved filter '{}'",
    "pick": "pick {}",
    "alias": "alias '{}'",
}
_SETTINGS = {"bucket_rule": "bucket rule", "app.recipe": "recipe", "app.preset": "preset"}
_MAIN = {"subset": "filter", "saved_filter": "filter", "alias": "tag"}  # what is told of a record that came
_AROUND = ("rules", "value")  # names of what only holds others
_MOST_VALUES = 4
_LONGEST = 40


def described_change(table: str, key: Key, before: Record | None, after: Record | None) -> str:
    """What became of a record."""
    what = record_name(table, key, before or after or {})
    if before is None or after is None:
        main = (after or {}).get(_MAIN.get(table, ""))
        done = "removed" if after is None else "added"
        return visible(f"{what} {done}" + (f": {_cut(main)}" if main else ""))
    said = [_difference(path, before, after) for path in differing(before, after)]
    more = f", and {len(said) - _MOST_VALUES} more" if len(said) > _MOST_VALUES else ""
    return visible(f"{what}: {', '.join(said[:_MOST_VALUES])}{more}")


def record_name(table: str, key: Key, record: Record) -> str:
    """`subset alice`, `bucket rule`."""
    if table == "setting":
        return _SETTINGS.get(str(key), str(key))
    return _KINDS.get(table, table + " {}").format(record.get("name", key))


def value_name(table: str, key: Key, record: Record | None, path: Path) -> str:
    """`repeats of subset alice`."""
    what = record_name(table, key, record or {})
    name = _name(path)
    return visible(f"{name} of {what}" if name else what)


def _difference(path: Path, before: Record, after: Record) -> str:
    old, new = _value(value_at(before, path)), _value(value_at(after, path))
    return f"{_name(path)} {old} -> {new}".strip()


def _name(path: Path) -> str:
    words = [part for part in path if part not in _AROUND]
    return ".".join(words).removeprefix("is_").replace("_", " ")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:g}" if abs(value) < 1e6 else str(value)
        case str():
            return f"'{_cut(value)}'"
        case _:
            return "(usual)" if value is ABSENT else _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
