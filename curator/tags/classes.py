"""The classes of tags, and their order; a user may add classes of their own."""

from __future__ import annotations

from collections.abc import Iterable

CLASSES = (
    "count", "character", "copyright", "artist", "general", "meta", "rating", "quality", "date", "trigger",
)  # fmt: skip


def in_order(found: Iterable[str]) -> list[str]:
    """Known classes in the usual order, then the user's own by name."""
    given = set(found)
    return [cls for cls in CLASSES if cls in given] + sorted(given - set(CLASSES))
