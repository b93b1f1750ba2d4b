"""Ids for names that are to become tags: the next free ones, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from curator.arrays import np
from curator.index.changes.changes import NewTag

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERAL = "general"


class NewTags:
    """Names given ids from `first_free` on. Nothing is stored: that is `TagTable.add`."""

    def __init__(self, first_free: int) -> None:
        self._first_free = first_free
        self._tags: dict[str, NewTag] = {}

    def id_of(self, name: str, cls: str = GENERAL) -> int:
        """The id of a name that is no tag yet; asked again, the same."""
        if name not in self._tags:
            self._tags[name] = NewTag(self._first_free + len(self._tags), name, cls)
        return self._tags[name].id

    def ids_of(self, names: Sequence[str], known: Mapping[str, int]) -> NDArray[np.int64]:
        """The ids of very many names: those `known`, and new ones for the rest."""
        try:
            return np.fromiter(map(known.__getitem__, names), np.int64, len(names))
        except KeyError:
            fresh = {name: self.id_of(name) for name in dict.fromkeys(names) if name not in known}
            every = {**known, **fresh}
            return np.fromiter(map(every.__getitem__, names), np.int64, len(names))

    def all(self) -> tuple[NewTag, ...]:
        """The tags to make, by ascending id."""
        return tuple(self._tags.values())
