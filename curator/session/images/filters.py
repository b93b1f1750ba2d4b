"""Saved filters of a collection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from curator.filter.evaluate import select
from curator.filter.language.fields import SORTS

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.tables.rows import SavedFilter

_NAMED = re.compile(r"""\b(saved|picked):(?:"((?:[^"\\]|\\.)*)"|([^\s()]+))""")


class Filters:
    """Saved filters of a collection."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def all(self) -> list[SavedFilter]:
        """The saved filters by name."""
        return self._collection.saved_filters.list()

    def meanings(self, text: str) -> dict[str, str]:
        """What the saved filters and picks that a filter names are now: the filter, or how the pick was drawn."""
        found: dict[str, str] = {}
        for kind, quoted, bare in _NAMED.findall(text):
            name = re.sub(r"\\(.)", r"\1", quoted) or bare
            saved = self._collection.saved_filters.get(name) if kind == "saved" else None
            pick = self._collection.picks.get(name) if kind == "picked" else None
            if saved is not None:
                found[f"saved:{name}"] = saved.filter
            elif pick is not None:
                found[f"picked:{name}"] = pick.about or f"{len(pick.images):,} images"
        return found

    def orders(self) -> tuple[str, ...]:
        """What a filter can sort by, scores of models and losses in runs last."""
        from curator.filter.run_losses import runs_with_losses

        scores = (f"score({name})" for name in self._collection.scores.names())
        return (*SORTS, *scores, *(f"loss({name})" for name in runs_with_losses(self._collection)))

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
