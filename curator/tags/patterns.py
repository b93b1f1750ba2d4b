"""Patterns of tags: `*` is any text, `?` any character."""

from __future__ import annotations

import re
from collections.abc import Sequence


def any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """What matches a tag that fits one of `patterns`; None for no pattern."""
    if not patterns:
        return None
    shapes = (
        "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in each) for each in patterns
    )
    return re.compile("|".join(shapes), re.DOTALL)
