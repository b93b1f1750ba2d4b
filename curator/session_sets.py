"""Decides what can be done to the sets of a collection: saved filters, subsets, picks, the bucket rule.

Each change is an edit: undo takes it back, also after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.buckets import BucketRule
from curator.contract.errors import UserError, did_you_mean
from curator.filter.evaluate import select
from curator.index.bucket_rule import bucket_rule, set_bucket_rule
from curator.index.collection import Collection
from curator.index.picks import Pick, pick_filter
from curator.index.small_tables import SavedFilter, Subset

if TYPE_CHECKING:  # a pick is imported by whoever made it
    from curator.index.edits import Commit
    from curator.select.pick import Picked


class SetCalls:
    """The part of a session that concerns sets of pictures under names."""

    collection: Collection

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

    def save_subset(self, subset: Subset, before: str = "") -> None:
        """Add a subset, or change the one with its name, or the one named `before`. Its filter is tried first."""
        select(self.collection, subset.filter)
        if before:
            self.collection.subsets.rename(before, subset)
        else:
            self.collection.subsets.save(subset)

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

    def save_picked_subset(self, name: str) -> None:
        """A subset of the pictures of the pick of that name."""
        self.save_subset(Subset(name, pick_filter(name)))

    @property
    def bucket_rule(self) -> BucketRule:
        """The rule by which pictures are scaled and cut."""
        return bucket_rule(self.collection)

    def set_bucket_rule(self, rule: BucketRule) -> Commit:
        """Keep another rule with the collection."""
        return set_bucket_rule(self.collection, rule)
