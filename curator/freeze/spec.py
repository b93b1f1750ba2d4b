"""Decides what a freeze is asked for: the bucket rule and the subsets, as kept with the collection."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from curator.contract.buckets import BucketRule
from curator.index.collection import Collection
from curator.index.small_tables import Subset

RULE_SETTING = "bucket_rule"
EVERYTHING = Subset("all", "")  # what is frozen while no subset was made: every picture, once


@dataclass(frozen=True)
class FreezeSpec:
    """What is frozen: `subsets` in order; a picture belongs to the first whose filter it meets."""

    rule: BucketRule
    subsets: tuple[Subset, ...]


def spec_of(collection: Collection) -> FreezeSpec:
    """The collection's spec as it stands."""
    return FreezeSpec(bucket_rule(collection), tuple(collection.subsets.list()) or (EVERYTHING,))


def bucket_rule(collection: Collection) -> BucketRule:
    """The collection's bucket rule; 512 px with sides of 256 to 1024 where none was chosen."""
    stored = collection.settings.get(RULE_SETTING)
    return BucketRule(**stored) if stored else BucketRule()


def set_bucket_rule(collection: Collection, rule: BucketRule) -> None:
    """Keep `rule` with the collection."""
    collection.settings.put(RULE_SETTING, asdict(rule))
