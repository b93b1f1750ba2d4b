"""Subsets of a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from curator.contract.errors import UserError, did_you_mean
from curator.filter.evaluate import select
from curator.index.tables.picks import pick_filter
from curator.session.images.three_way_merge import three_way_merge

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.freeze.balance import Balanced
    from curator.freeze.checks.overfit import Overfit
    from curator.freeze.preview import FreezePreview
    from curator.index.collection import Collection
    from curator.index.tables.rows import Subset


class Subsets:
    """Subsets of a collection."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def all(self) -> list[Subset]:
        """The subsets in order."""
        return self._collection.subsets.list()

    def save(self, subset: Subset) -> Subset | None:
        """Add a subset, or put it in the place of the one with its name, which is given. Its filter is tried first."""
        select(self._collection, subset.filter)
        return self._collection.subsets.save(subset)

    def add(self, subset: Subset) -> None:
        """Add a subset. Its filter is tried first.

        Raises:
            UserError: the name is taken.
        """
        select(self._collection, subset.filter)
        self._collection.subsets.add(subset)

    def change(self, name: str, change: Callable[[Subset], Subset]) -> Subset:
        """Change the subset of that name, its name too; gives what it is now. A new filter is tried first.

        `change` may be asked twice: for the filter, and with the subset as it is when nobody else writes.

        Raises:
            UserError: there is none of that name, or the new name is taken.
        """
        known = self._collection.subsets.get(name)
        if known and (changed := change(known)).filter != known.filter:
            select(self._collection, changed.filter)
        return self._collection.subsets.change(name, change)

    def edit(self, shown: Subset, edited: Subset) -> Subset:
        """Change of a subset what a person changed of the one `shown`; what others changed meanwhile stays."""
        return self.change(shown.name, lambda now: three_way_merge(now, shown, edited))

    def balance(self, shown: Iterable[Balanced] | None = None) -> list[Balanced]:
        """Set repeats so that all subsets share an epoch equally, regularisation apart; gives what they are.

        `shown` is what `balanced` gave before: then that is set, of the subsets that are still there.
        """
        with self._collection.grouped("balance"):
            there = {each.name for each in self.all()}
            balanced = self.balanced() if shown is None else [each for each in shown if each.name in there]
            for each in balanced:
                self.change(each.name, partial(replace, repeats=each.repeats))
        return balanced

    def balanced(self, preview: FreezePreview | None = None) -> list[Balanced]:
        """What `balance` would set; by the `preview` of a freeze, if there is one already.

        Raises:
            UserError: no subset shows an image.
        """
        from curator.freeze.balance import equal_shares
        from curator.freeze.collection import epoch_of

        normal = {each.name for each in self.all() if not each.is_reg}
        shares = (preview or epoch_of(self._collection)).subsets
        return equal_shares([share for share in shares if share.name in normal])

    def remove(self, name: str) -> None:
        """Remove a subset; its images stay in the collection.

        Raises:
            UserError: there is none of that name.
        """
        if not self._collection.subsets.remove(name):
            raise UserError(
                f"there is no subset '{name}'", did_you_mean(name, (each.name for each in self.all()))
            )

    def put_first(self, name: str) -> None:
        """Let a subset choose its images before all others."""
        self._collection.subsets.put_first(name)

    def put_in_order(self, names: Sequence[str]) -> bool:
        """Let these choose their images before all others, in this order; whether that changed anything.

        Raises:
            UserError: there is none of a name, or one is named twice.
        """
        known = [each.name for each in self.all()]
        for name in names:
            if name not in known:
                raise UserError(f"there is no subset '{name}'", did_you_mean(name, known))
        if len(set(names)) < len(names):
            raise UserError("a subset is named twice", "name each once")
        return self._collection.subsets.put_in_order(names)

    def counted(self, name: str) -> tuple[int, int]:
        """How many images a subset holds, and how many more its filter meets that one before it holds."""
        from curator.freeze.members import members_of, spec_of
        from curator.freeze.reader import FreezeReader

        with FreezeReader.opened(self._collection) as reader:
            spec = spec_of(self._collection)
            members = members_of(reader, spec)
        at = [each.name for each in spec.subsets].index(name)
        return len(members.ids[at]), members.overlaps[at]

    def overfits(
        self, names: Sequence[str] = (), share: float | None = None
    ) -> list[tuple[Subset, list[Overfit]]]:
        """What training on each of these subsets would overfit to (of all but regularisation where none is named).

        Raises:
            UserError: there is none of a name, or a share that is none.
        """
        from curator.freeze.checks.finding import PictureFilters
        from curator.freeze.checks.overfit import overfits
        from curator.freeze.members import members_of, spec_of
        from curator.freeze.reader import FreezeReader
        from curator.tags.tables import tables_of

        with FreezeReader.opened(self._collection) as reader:
            spec = spec_of(self._collection)
            known = [each.name for each in spec.subsets]
            for name in names:
                if name not in known:
                    raise UserError(f"there is no subset '{name}'", did_you_mean(name, known))
            filters = PictureFilters(reader, spec, members_of(reader, spec))
            table = tables_of(self._collection)["overfit"]
            return [
                (subset, overfits(filters, number, table, share))
                for number, subset in enumerate(spec.subsets)
                if (subset.name in names if names else not subset.is_reg)
            ]

    def of_images(self, images: Iterable[int]) -> dict[int, Subset]:
        """The subset each image would be frozen in; those in none are left out."""
        from curator.freeze.captions import subsets_of

        return subsets_of(self._collection, images)

    def put_picked(self, name: str) -> bool:
        """A subset of the images of the pick of that name; False where there is one.

        Raises:
            UserError: the subset of that name shows others.
        """
        known = self._collection.subsets.get(name)
        if known and known.filter == pick_filter(name):
            return False
        self.add_picked(name)
        return True

    def add_picked(self, name: str) -> None:
        """A subset of the images of the pick of that name.

        Raises:
            UserError: there is a subset of that name.
        """
        from curator.index.tables.rows import Subset

        self.add(Subset(name, pick_filter(name)))
