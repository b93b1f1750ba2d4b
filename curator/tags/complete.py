"""Decides which tags are offered while one is typed (row B15): those that start so, then those that hold it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from curator.index.tag_names import folded
from curator.index.tag_table import Tag


def complete(tags: Iterable[Tag], typed: str, limit: int = 20) -> list[Tag]:
    """The best `limit` tags: those that start so, those with a word that does, the rest; the common first.

    Nothing typed gives the most common tags.
    """
    wanted = folded(typed.strip())
    ranked = (
        (rank, -tag.count, tag.name, tag)
        for tag in tags
        if (rank := _rank(folded(tag.name), wanted)) is not None
    )
    return [entry[3] for entry in heapq.nsmallest(limit, ranked, key=lambda entry: entry[:3])]


def _rank(name: str, wanted: str) -> int | None:
    """0: the name starts so; 1: one of its words does; 2: it is somewhere inside; None: it is not."""
    if name.startswith(wanted):
        return 0
    at = name.find(wanted)
    if at < 0:
        return None
    return (
        1 if any(name.startswith(wanted, k) for k in range(at, len(name)) if not name[k - 1].isalnum()) else 2
    )
