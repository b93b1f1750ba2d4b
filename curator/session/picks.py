"""Picks of a collection: sets of images by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.collection import Collection
from curator.index.tables.picks import Pick

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.select.pick import PickResult


class Picks:
    """Picks of a collection: sets of images by name."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def save(self, name: str, picked: PickResult) -> None:
        """Keep a pick by name; `picked:NAME` are its pictures."""
        about = ", ".join(f"{reason}: {count}" for reason, count in picked.funnel)
        self._collection.picks.save(Pick(name, picked.bitmap(), about))
