"""Search for tags by any part of their name or of an alias (row B15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.tags.tag_lookup import TagLookup

if TYPE_CHECKING:
    from curator.index.tables.small_tables import Aliases
    from curator.index.tags.tag_table import Tag, TagTable


class TagSearch:
    """All names in memory, read again when a tag or an alias has changed."""

    def __init__(self, tags: TagTable, aliases: Aliases) -> None:
        self._tags = tags
        self._aliases = aliases
        self._lookup: tuple[tuple[str, str], TagLookup] | None = None

    def find(self, typed: str, limit: int) -> list[tuple[Tag, str]]:
        """Tags, and the alias where it was that; inside a transaction.

        Names that start so come first, then those with a word that does; the common first.
        """
        state = (self._tags.generation(), self._aliases.generation())
        if self._lookup is None or self._lookup[0] != state:
            self._lookup = (state, self._read())
        matches = self._lookup[1].find(typed, self._tags.counts(), limit)
        tags = self._tags.get([match.tag for match in matches])
        return [(tag, match.alias) for tag, match in zip(tags, matches, strict=True)]

    def _read(self) -> TagLookup:
        aliases = self._aliases.all()
        known = zip(self._tags.spellings(list(aliases.values())), aliases, strict=True)
        pairs = [(spelled[0].id, alias) for spelled, alias in known if spelled]
        return TagLookup(*self._tags.folded_names(), pairs)
