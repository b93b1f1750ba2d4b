"""Patterns of tags: `*` is any text, `?` any character."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from curator.contract.errors import UserError, did_you_mean

_GROUP = "group:"


def any_of(
    patterns: Sequence[str], groups: Mapping[str, Sequence[str]] | None = None
) -> re.Pattern[str] | None:
    """What matches a tag that fits one of `patterns`; None for no pattern. With `groups`, `group:NAME` is one of these.

    Raises:
        UserError: there is no group of that name.
    """
    if not patterns:
        return None
    shapes = (
        _group(each.removeprefix(_GROUP), groups) if groups and each.startswith(_GROUP) else _shape(each)
        for each in patterns
    )
    return re.compile("|".join(shapes), re.DOTALL)


def _group(name: str, groups: Mapping[str, Sequence[str]]) -> str:
    """The patterns of a group, without what those that begin with `-` name."""
    if name not in groups:
        raise UserError(f"there is no group '{name}'", did_you_mean(name, groups))
    wanted = "|".join(_shape(each) for each in groups[name] if not each.startswith("-"))
    out = "|".join(_shape(each[1:]) for each in groups[name] if each.startswith("-"))
    return f"(?!(?:{out})\\Z)(?:{wanted})" if out else f"(?:{wanted})"


def _shape(pattern: str) -> str:
    return "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
