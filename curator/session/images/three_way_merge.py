"""Three-way merge of a record: what a person changed of it, in the record as it is by now."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T", bound="DataclassInstance")


def three_way_merge(now: _T, shown: _T, edited: _T) -> _T:
    """`now`, a dataclass, with the values in which `edited` differs from `shown`; dataclasses in it likewise."""
    changes: dict[str, Any] = {}
    for name in (each.name for each in fields(now)):
        old, new = getattr(shown, name), getattr(edited, name)
        if new != old:
            held = getattr(now, name)
            changes[name] = three_way_merge(held, old, new) if is_dataclass(new) else new
    return replace(now, **changes)
