"""Tags of a collection by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.index.tags.tag_table import Tag


class Tags:
    """Tags of a collection by name."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def find(self, typed: str, limit: int = 20) -> list[tuple[Tag, str]]:
        """Tags by any part of their name or of an alias, with that alias, the most used first (row B15)."""
        return self._collection.find_tags(typed, limit)
