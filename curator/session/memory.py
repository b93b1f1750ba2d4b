"""What the app remembers of a collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curator.index.collection import Collection

_REMEMBERED = "app."


class Memory:
    """What the app remembers of a collection."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def keep(self, key: str, value: Any) -> None:
        """Keep a piece of the app's state (JSON) with the collection."""
        self.keep_all({key: value})

    def keep_all(self, values: Mapping[str, Any]) -> None:
        """Keep several pieces of the app's state, or none of them."""
        self._collection.settings.put_all({_REMEMBERED + key: value for key, value in values.items()})

    def edit(self, key: str, before: Any, after: Any) -> None:
        """Change a piece of the app's state as an edit that can be undone; `before` is what it stood for."""
        self._collection.settings.edit(_REMEMBERED + key, before, after)

    def put_first(self, key: str, entry: str) -> None:
        """Put an entry at the head of a list that is kept, which other apps may add to as well."""
        self._collection.settings.put_changed(
            _REMEMBERED + key, [], lambda known: [entry, *_without(known, entry)]
        )

    def take_out(self, key: str, entry: str) -> None:
        """Take an entry from such a list."""
        self._collection.settings.put_changed(_REMEMBERED + key, [], lambda known: _without(known, entry))

    def recall(self, key: str, default: Any = None) -> Any:
        """A piece of the app's state."""
        return self._collection.settings.get(_REMEMBERED + key, default)


def _without(known: list[str], entry: str) -> list[str]:
    return [each for each in known if each != entry]
