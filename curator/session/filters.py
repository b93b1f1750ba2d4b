"""Saved filters of a collection."""

from __future__ import annotations

from curator.filter.evaluate import select
from curator.filter.fields import SORTS
from curator.index.collection import Collection
from curator.index.tables.small_tables import SavedFilter


class Filters:
    """Saved filters of a collection."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def all(self) -> list[SavedFilter]:
        """The saved filters by name."""
        return self._collection.saved_filters.list()

    def orders(self) -> tuple[str, ...]:
        """What a filter can sort by, scores of models last."""
        return (*SORTS, *(f"score({name})" for name in self._collection.scores.names()))

    def save(self, saved: SavedFilter) -> None:
        """Keep a filter, in place of the one of its name. It is tried first."""
        select(self._collection, saved.filter)
        self._collection.saved_filters.save(saved)

    def remove(self, name: str) -> bool:
        """Forget a saved filter; False where there is none of that name."""
        return self._collection.saved_filters.remove(name)
