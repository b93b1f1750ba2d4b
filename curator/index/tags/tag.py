"""One tag of the index, as it is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tag:
    """One tag and how many images (whose file exists) have it."""

    id: int
    name: str
    cls: str
    count: int
