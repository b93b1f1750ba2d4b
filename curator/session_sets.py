"""The sets of a collection: saved filters, subsets, picks, the bucket rule.

Each change is an edit: undo takes it back, also after a restart. What depends on how things are is read, changed and
written while nobody else writes, so that of two programs at once neither takes back what the other did.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from curator.contract.buckets import BucketRule
from curator.contract.errors import UserError, did_you_mean
from curator.filter.evaluate import select
from curator.index.bucket_rule import bucket_rule, change_bucket_rule, set_bucket_rule
from curator.index.collection import Collection
from curator.index.tables.picks import Pick, pick_filter
from curator.index.tables.small_tables import SavedFilter, Subset

if TYPE_CHECKING:  # a pick is imported by whoever made it
    from _typeshed import DataclassInstance

    from curator.freeze.balance import Balanced
    from curator.freeze.preview import FreezePreview
    from curator.index.changes.edits import Commit
    from curator.select.pick import Picked


_T = TypeVar("_T", bound="DataclassInstance")


class SetCalls:
    """The part of a session that concerns sets of pictures under names."""

    collection: Collection

    if TYPE_CHECKING:  # what the session itself gives

        def one_edit(self, what: str = "") -> AbstractContextManager[None]: ...

        def preview(self) -> FreezePreview: ...

    def saved_filters(self) -> list[SavedFilter]:
        """The saved filters by name."""
        return self.collection.saved_filters.list()

    def save_filter(self, saved: SavedFilter) -> None:
        """Keep a filter, in place of the one of its name. It is tried first."""
        select(self.collection, saved.filter)
        self.collection.saved_filters.save(saved)

    def remove_filter(self, name: str) -> bool:
        """Forget a saved filter; False where there is none of that name."""
        return self.collection.saved_filters.remove(name)

    def subsets(self) -> list[Subset]:
        """The subsets in order."""
        return self.collection.subsets.list()

    def save_subset(self, subset: Subset) -> None:
        """Add a subset, or put it in the place of the one with its name. Its filter is tried first."""
        select(self.collection, subset.filter)
        self.collection.subsets.save(subset)

    def add_subset(self, subset: Subset) -> None:
        """Add a subset. Its filter is tried first.

        Raises:
            UserError: the name is taken.
        """
        select(self.collection, subset.filter)
        self.collection.subsets.add(subset)

    def change_subset(self, name: str, change: Callable[[Subset], Subset]) -> Subset:
        """Change the subset of that name, its name too; gives what it is now. A new filter is tried first.

        `change` may be asked twice: for the filter, and with the subset as it is when nobody else writes.

        Raises:
            UserError: there is none of that name, or the new name is taken.
        """
        known = self.collection.subsets.get(name)
        if known and (changed := change(known)).filter != known.filter:
            select(self.collection, changed.filter)
        return self.collection.subsets.change(name, change)

    def edit_subset(self, shown: Subset, edited: Subset) -> Subset:
        """Change of a subset what a person changed of the one `shown`; what others changed meanwhile stays."""
        return self.change_subset(shown.name, lambda now: carried_over(now, shown, edited))

    def balance_subsets(self) -> list[Balanced]:
        """Set repeats so that all subsets share an epoch equally, regularisation apart; gives what they are."""
        with self.one_edit("balance"):
            balanced = self.balanced_subsets()
            for each in balanced:
                self.change_subset(each.name, partial(replace, repeats=each.repeats))
        return balanced

    def balanced_subsets(self) -> list[Balanced]:
        """What `balance_subsets` would set.

        Raises:
            UserError: no subset shows a picture.
        """
        from curator.freeze.balance import equal_shares

        normal = {each.name for each in self.subsets() if not each.is_reg}
        return equal_shares([share for share in self.preview().subsets if share.name in normal])

    def remove_subset(self, name: str) -> None:
        """Remove a subset; its pictures stay in the collection.

        Raises:
            UserError: there is none of that name.
        """
        if not self.collection.subsets.remove(name):
            raise UserError(
                f"there is no subset '{name}'", did_you_mean(name, (each.name for each in self.subsets()))
            )

    def save_pick(self, name: str, picked: Picked) -> None:
        """Keep a pick by name; `picked:NAME` are its pictures."""
        about = ", ".join(f"{reason}: {count}" for reason, count in picked.funnel)
        self.collection.picks.save(Pick(name, picked.bitmap(), about))

    def put_subset_first(self, name: str) -> None:
        """Let a subset choose its pictures before all others."""
        self.collection.subsets.put_first(name)

    def add_picked_subset(self, name: str) -> None:
        """A subset of the pictures of the pick of that name.

        Raises:
            UserError: there is a subset of that name.
        """
        self.add_subset(Subset(name, pick_filter(name)))

    @property
    def bucket_rule(self) -> BucketRule:
        """The rule by which pictures are scaled and cut."""
        return bucket_rule(self.collection)

    def set_bucket_rule(self, rule: BucketRule) -> Commit:
        """Keep another rule with the collection."""
        return set_bucket_rule(self.collection, rule)

    def change_bucket_rule(self, change: Callable[[BucketRule], BucketRule]) -> BucketRule:
        """Change the rule of the collection; gives what it is now."""
        with self.collection.writing(durable=True):
            change_bucket_rule(self.collection, change)
            return self.bucket_rule

    def edit_bucket_rule(self, shown: BucketRule, edited: BucketRule) -> BucketRule:
        """Change of the rule what a person changed of the one `shown`; what others changed meanwhile stays."""
        return self.change_bucket_rule(lambda now: carried_over(now, shown, edited))


def carried_over(now: _T, shown: _T, edited: _T) -> _T:
    """`now`, a dataclass, with the values in which `edited` differs from `shown`; dataclasses in it likewise."""
    changes: dict[str, Any] = {}
    for name in (each.name for each in fields(now)):
        old, new = getattr(shown, name), getattr(edited, name)
        if new != old:
            held = getattr(now, name)
            changes[name] = carried_over(held, old, new) if is_dataclass(new) else new
    return replace(now, **changes)
