"""Rules of an adapter for modules by name, such as `*attn2* kind=lokr factor=8` or `lora_te_* lr=1e-5`.

A pattern is one of file names, matched against the whole name the module has in adapter files, or has by its path in
diffusers; `frieze adapter plan` lists the former. `kind=none` leaves the modules alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from curator.contract.errors import UserError

NONE = "none"


@dataclass(frozen=True)
class AdapterRule:
    """What modules whose names fit `pattern` have otherwise. `values` are by the last word of their keys."""

    pattern: str
    values: Mapping[str, Any]

    @property
    def kind(self) -> str | None:
        """The kind it gives its modules; None where it says nothing of it, or takes them out."""
        kind = self.values.get("kind")
        return kind if isinstance(kind, str) and kind != NONE else None

    def fits(self, name: str) -> bool:
        return fnmatchcase(name, self.pattern)


def parse_rule(text: str) -> AdapterRule:
    """A rule as it stands in a recipe.

    Raises:
        UserError: no pattern, no setting, or one without a value.
    """
    pattern, *settings = text.split() or [""]
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, raw = setting.partition("=")
        if not (key and equals and raw):
            raise _unclear(text)
        values[key] = _value(raw)
    if not values or "=" in pattern:
        raise _unclear(text)
    return AdapterRule(pattern, values)


def _value(raw: str) -> Any:
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return raw


def _unclear(text: str) -> UserError:
    return UserError(
        f"adapter.rules: '{text}' is no rule",
        "write a pattern and settings, such as '*attn2* kind=lokr factor=8 lr=1e-5'",
    )
