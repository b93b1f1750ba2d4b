"""Decides what one finding before a freeze says: its weight, what is so, what to do, and which pictures it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from curator.index.small_tables import Subset

NAMED = 100  # pictures that a finding's filter names one by one


@dataclass(frozen=True)
class Finding:
    """Something found before a freeze. `filter` selects the pictures concerned; empty where none are.

    With `of_unusable` it is about files that are no pictures of the collection.
    """

    level: Literal["stop", "warn"]
    what: str
    hint: str
    filter: str = ""
    of_unusable: bool = False


def of_subset(subset: Subset, more: str = "") -> str:
    """The filter of a subset, narrowed."""
    own = f"({subset.filter})" if subset.filter.strip() else ""
    return f"{own} {more}".strip()


def of_images(images: Iterable[int]) -> str:
    """A filter that names the first of some pictures."""
    return " OR ".join(f"id:{each}" for each in islice(images, NAMED))
