"""Tags of a collection by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError, did_you_mean
from curator.index.tags.tag_names import folded

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.index.changes.edits import Commit, Rewrite
    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag
    from curator.tags.identifier import Identifiers


class TagEntry(NamedTuple):
    """A tag with the other words for it, and the tags that a rule between tags adds where it is."""

    tag: Tag
    aliases: tuple[str, ...]
    implies: tuple[str, ...]


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

    def entries(self) -> list[TagEntry]:
        """Every tag in use with its aliases and what it implies, the most common first."""
        from curator.tags.relate import implied
        from curator.tags.tables import tables_of

        collection, others = self._collection, dict[str, list[str]]()
        for alias, tag in collection.aliases.all().items():
            others.setdefault(tag, []).append(alias)
        implies = implied(tables_of(collection))
        return [
            TagEntry(tag, tuple(others.get(tag.name, ())), implies.get(folded(tag.name), ()))
            for tag in self.all()
        ]

    def in_group(self, name: str) -> list[Tag]:
        """The tags in use of a group of the tables, the most common first.

        Raises:
            UserError: there is no group of that name.
        """
        from curator.filter.groups import groups_of, tags_of_group

        groups = groups_of(self._collection)
        if name not in groups:
            raise UserError(f"there is no group '{name}'", did_you_mean(name, groups))
        with self._collection.reading():
            wanted = set(tags_of_group(self._collection, groups[name]))
        return [tag for tag in self.all() if tag.id in wanted]

    def classes(self) -> tuple[str, ...]:
        """The classes that tags may have: the usual ones, then the user's own."""
        from curator.tags.classes import CLASSES

        with self._collection.reading():
            return tuple(dict.fromkeys((*CLASSES, *sorted(self._collection.tags.classes()))))

    def set_class(self, names: Sequence[str], cls: str) -> Commit:
        """Give tags a class, one of the usual ones or a word of the user's own: an edit that can be undone.

        Raises:
            UserError: no image has one of the tags, or the word can be no class.
        """
        from curator.index.changes.edits import SetClass

        if not re.fullmatch(r"[^\W\d_][\w-]{0,40}", cls):
            raise UserError(
                f"'{cls}' cannot be a class", f"give one of {', '.join(self.classes())}, or another word"
            )
        for name in names:
            self.check_known(name)
        return self._collection.apply(SetClass(tuple(names), cls.lower()))

    def put_alias(self, alias: str, tag: str) -> None:
        """Let a word find a tag, in place of what it meant before: an edit that can be undone.

        Raises:
            UserError: no image has the tag, or the word is the tag itself.
        """
        self.check_known(tag)
        if folded(alias) == folded(tag):
            raise UserError(f"'{alias}' is the tag itself", "an alias is another word for it")
        self._collection.aliases.put([(alias, tag)])

    def remove_alias(self, alias: str) -> None:
        """Forget an alias: an edit that can be undone.

        Raises:
            UserError: there is none of that name.
        """
        known = self._collection.aliases.all()
        if alias not in known:
            raise UserError(f"there is no alias '{alias}'", did_you_mean(alias, known))
        self._collection.aliases.remove([alias])

    def set_aliases(self, tag: str, aliases: Iterable[str]) -> None:
        """Let these words and no others find a tag: one edit that can be undone.

        Raises:
            UserError: as `put_alias`.
        """
        wanted = list(dict.fromkeys(aliases))
        before = [alias for alias, of in self._collection.aliases.all().items() if of == tag]
        with self._collection.grouped(f"aliases of '{tag}'"):
            for alias in wanted:
                if alias not in before:
                    self.put_alias(alias, tag)
            self._collection.aliases.remove([alias for alias in before if alias not in wanted])

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
