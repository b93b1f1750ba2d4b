"""The specification of a freeze: the bucket rule and the subsets, as kept with the collection, and their images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pyroaring import BitMap

from curator.index.bucket_rule import bucket_rule
from curator.index.tables.small_tables import Subset

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule
    from curator.index.collection import Collection

EVERYTHING = Subset("all", "")  # what is frozen while no subset was made: every image, once


@dataclass(frozen=True)
class FreezeSpec:
    """What is frozen: `subsets` in order; an image belongs to the first whose filter it meets."""

    rule: BucketRule
    subsets: tuple[Subset, ...]


class Shown(NamedTuple):
    """Images of subset number `subset` that have so many repeats."""

    subset: int
    repeats: float
    ids: BitMap


def spec_of(collection: Collection, rule: BucketRule | None = None) -> FreezeSpec:
    """The collection's spec as it stands, with another bucket rule where one is given."""
    return FreezeSpec(rule or bucket_rule(collection), tuple(collection.subsets.list()) or (EVERYTHING,))
