"""Saved filters of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.filter.evaluate import select
from curator.filter.fields import SORTS

if TYPE_CHECKING:
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

    def save(self, saved: SavedFilter, *, replace: bool = True) -> bool:
        """Keep a filter, which is tried first; whether it was not kept so already.

        Raises:
            UserError: without `replace`, the name means another.
        """
        select(self._collection, saved.filter)
        return self._collection.saved_filters.save(saved, replace=replace)

    def remove(self, name: str) -> bool:
        """Forget a saved filter; False where there is none of that name."""
        return self._collection.saved_filters.remove(name)
