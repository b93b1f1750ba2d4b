"""The bucket rule of a collection, kept whole, so that a new default never changes an old set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from curator.contract.buckets import BucketRule, checked

if TYPE_CHECKING:
    from curator.index.changes.edits import Commit
    from curator.index.collection import Collection

_SETTING = "bucket_rule"


def bucket_rule(collection: Collection) -> BucketRule:
    """The collection's bucket rule; 512 px with sides of 256 to 1024 where none was chosen."""
    stored = collection.settings.get(_SETTING)
    return BucketRule(**stored) if stored else BucketRule()


def set_bucket_rule(collection: Collection, rule: BucketRule) -> Commit:
    """Keep `rule` with the collection: an edit that can be undone.

    Raises:
        UserError: its limits contradict each other.
    """
    return change_bucket_rule(collection, lambda _: rule)


def change_bucket_rule(collection: Collection, change: Callable[[BucketRule], BucketRule]) -> Commit:
    """Read the collection's rule, change it and keep it, while nobody else writes.

    Raises:
        UserError: the limits of the changed one contradict each other.
    """
    with collection.writing(durable=True):
        before = bucket_rule(collection)
        return collection.settings.edit(_SETTING, asdict(before), asdict(checked(change(before))))
