"""Tags of a collection by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.index.changes.edits import Rewrite
    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag
    from curator.tags.identifier import Identifiers


class Tags:
    """Tags of a collection by name."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def find(self, typed: str, limit: int = 20) -> list[tuple[Tag, str]]:
        """Tags by any part of their name or of an alias, with that alias, the most used first (row B15)."""
        return self._collection.find_tags(typed, limit)

    def all(self) -> list[Tag]:
        """Every tag in use, the most common first."""
        return self._collection.all_tags()

    def check_known(self, name: str) -> None:
        """Refuse a tag that no image has, however it is spelled; the hint names the nearest.

        Raises:
            UserError: no image has it.
        """
        if not any(self._collection.bitmaps.of(tag) for tag in self._collection.tags.alike(name)):
            with self._collection.reading():
                near = self._collection.tags.meant(name)
            hint = f"did you mean '{near.name}'?" if near else "see 'frieze tag list'"
            raise UserError(f"no image has the tag '{name}'", hint)

    def names_of(self, images: Sequence[int]) -> list[tuple[str, ...]]:
        """The tags of many images, each in caption order."""
        return self._collection.tag_names(images)

    def to_front(self, images: Sequence[int], names: Sequence[str]) -> Rewrite:
        """The edit that puts those of `names` first which an image has, in that order."""
        from curator.index.changes.edits import Annotations, Rewrite
        from curator.tags.order import to_front

        before = zip(images, self.names_of(images), strict=True)
        ordered = ((image, own, to_front(own, names)) for image, own in before)
        words = tuple(Annotations(image, tags=new) for image, own, new in ordered if new != own)
        return Rewrite(words, f"order {', '.join(names)}")

    def identifiers(self, names: Path | None = None) -> Identifiers:
        """The words that may stand for new things: no tag here, and none of the list `names` (CSV).

        Raises:
            UserError: the list cannot be read.
        """
        return identifiers(names, self._collection)


def identifiers(names: Path | None = None, collection: Collection | None = None) -> Identifiers:
    """As `Tags.identifiers`, also outside of a collection."""
    from curator.tags.alias_lists import read_names
    from curator.tags.identifier import Identifiers

    return Identifiers(collection, read_names(names) if names else frozenset())
