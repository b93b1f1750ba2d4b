"""Decides how the bucket rule is kept with a collection: all of it, so that a new usual never changes an old set."""

from __future__ import annotations

from dataclasses import asdict

from curator.contract.buckets import BucketRule, checked
from curator.index.collection import Collection
from curator.index.edits import Commit

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
    with collection.writing(durable=True):
        return collection.settings.edit(_SETTING, asdict(bucket_rule(collection)), asdict(checked(rule)))
