"""Tags that go when an image has several people: looks that cannot be told apart any more (S034)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Group:
    """Tags that contradict each other on one person. A tag of `spared` that is alone among these stays."""

    shape: re.Pattern[str]
    spared: frozenset[str] = frozenset()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Group:
        """A group of the tables, where `?` is one word."""
        shapes = (re.escape(each).replace(r"\?", r"[\w-]+") for each in table["tags"])
        return cls(re.compile("|".join(shapes)), frozenset(table.get("spared", ())))


def drop_of_several(tags: Sequence[str], groups: Sequence[Group]) -> frozenset[str]:
    """The tags of every group that has more than one tag here."""
    gone: set[str] = set()
    for group in groups:
        left = [tag for tag in tags if tag not in gone and group.shape.fullmatch(tag)]
        spared = [tag for tag in left if tag in group.spared]
        if len(spared) == 1:
            left.remove(spared[0])
        if len(left) > 1:
            gone.update(left)
    return frozenset(gone)
