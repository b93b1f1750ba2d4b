"""Picks of a collection: sets of images by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.index.tables.picks import Pick

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from pyroaring import BitMap

    from curator.index.collection import Collection
    from curator.select.pick import PickResult
    from curator.select.rules import PickRules


class Picks:
    """Picks of a collection: sets of images by name."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def names(self) -> list[str]:
        """The names of the picks that are kept."""
        return [each.name for each in self._collection.picks.list()]

    def pick(self, rules: PickRules, among: BitMap | None = None) -> PickResult:
        """Take images by rules, of all or of those `among`; nothing is kept.

        Raises:
            UserError: a broken filter, or a half that is short where that shall stop.
        """
        from curator.select.pick import pick

        return pick(self._collection, rules, among)

    def save(self, name: str, picked: PickResult, *, replace: bool = True) -> bool:
        """Keep a pick by name, whose images are `picked:NAME`; whether it was not kept so already.

        Raises:
            UserError: without `replace`, the name means other images.
        """
        about = ", ".join(f"{reason}: {count}" for reason, count in picked.funnel)
        return self._collection.picks.save(Pick(name, picked.bitmap(), about), replace=replace)

    @staticmethod
    def pick_of_dump(dump: Path, rules: PickRules) -> PickResult:
        """Take posts of a booru's dump by `rules`.

        Raises:
            UserError: as `pick`, a file that cannot be read, or a rule that posts know nothing of.
        """
        from curator.index.tables.metadata import PostFacts
        from curator.interop.dumps.booru import booru_source
        from curator.interop.plan import Dropped
        from curator.select.pick import pick_of
        from curator.select.posts import Post, Posts

        rows = booru_source(dump, words=bool(rules.tags)).rows()
        posts = (
            Post(row.facts, gone=row.reason)
            if isinstance(row, Dropped)
            else Post(row.facts or PostFacts(row.post), row.tags or ())
            for row in rows
        )
        return pick_of(Posts(posts, rules.tags, draw_all=rules.draw_all), rules, "in the dump")
