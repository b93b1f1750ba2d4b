"""Values of a record by path of keys, so that two edits may share a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Record = dict[str, Any]  # JSON values by field; objects may lie in each other
Path = tuple[str, ...]


class _Absent:
    """What stands where a record has no value; no more true than an empty object."""

    def __bool__(self) -> bool:
        return False


ABSENT = _Absent()
ANY_DEPTH = 100


def differing(before: Any, after: Any, deepest: int = ANY_DEPTH, path: Path = ()) -> Iterator[Path]:
    """Paths, `deepest` names long or shorter, to the values in which two records differ; objects are looked into."""
    if before == after:
        return
    if len(path) < deepest and _is_object(before) and _is_object(after) and (before or after):
        old, new = before or {}, after or {}
        for name in [*old, *(name for name in new if name not in old)]:
            yield from differing(old.get(name, ABSENT), new.get(name, ABSENT), deepest, (*path, name))
    else:
        yield path


def _is_object(value: Any) -> bool:
    """Whether a value has others inside, or could have."""
    return isinstance(value, dict) or value is ABSENT


def value_at(record: Any, path: Path) -> Any:
    """The value at a path, or `ABSENT`."""
    for name in path:
        record = record.get(name, ABSENT) if isinstance(record, dict) else ABSENT
    return record


def with_values_of(record: Record, source: Record, paths: Sequence[Path]) -> Record:
    """`record` with what `source` has at these paths; its fields stay, objects in them that are left empty go."""
    for path in paths:
        record = _with_value(record, source, path, is_field=True)
    return record


def _with_value(record: Any, source: Any, path: Path, *, is_field: bool = False) -> Any:
    name, rest = path[0], path[1:]
    inside = value_at(source, (name,))
    if rest:
        held = record.get(name, {})
        value = _with_value(held if isinstance(held, dict) else {}, inside, rest)
        is_kept = inside is not ABSENT if is_field else inside == {}
        value = ABSENT if value == {} and not is_kept else value
    else:
        value = inside
    kept = {key: each for key, each in record.items() if key != name or value is not ABSENT}
    return kept if value is ABSENT else {**kept, name: value}
