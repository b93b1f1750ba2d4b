"""Decides which picture is frozen in which subset, and why every other picture is left out (row B19)."""

from __future__ import annotations

from dataclasses import dataclass

from pyroaring import BitMap

from curator.contract.epoch_plan import Span
from curator.filter.evaluate import select
from curator.freeze.spec import FreezeSpec
from curator.index.bitmaps import Flag
from curator.index.collection import Collection
from curator.index.small_tables import Subset

Funnel = tuple[tuple[str, int], ...]

REJECTED = "rejected by hand"
NO_SUBSET = "in no subset"


@dataclass(frozen=True)
class Members:
    """Pictures of each subset, in the order of the spec, and the funnel: first the input, last what is kept.

    `overlaps` counts, per subset, the pictures its filter meets that an earlier subset already has.
    `unknown_tags` are the tags, per subset, that its filter names and no picture has.
    """

    ids: tuple[BitMap, ...]
    funnel: Funnel
    overlaps: tuple[int, ...]
    unknown_tags: tuple[tuple[str, ...], ...]


def members_of(collection: Collection, spec: FreezeSpec) -> Members:
    """Share the living, unrejected pictures out among the subsets."""
    with collection.reading():
        everything = BitMap(collection.images.alive())
        rejected = everything & collection.bitmaps.of(Flag.REJECT)
        free = everything - rejected
        ids: list[BitMap] = []
        overlaps: list[int] = []
        unknown: list[tuple[str, ...]] = []
        for subset in spec.subsets:
            found = select(collection, subset.filter)
            wanted = found.bitmap() - rejected
            overlaps.append(len(wanted - free))
            unknown.append(tuple(found.unknown_tags))
            ids.append(wanted & free)
            free -= wanted
    return Members(
        tuple(ids),
        _funnel(spec, len(everything), len(rejected), ids, len(free)),
        tuple(overlaps),
        tuple(unknown),
    )


def _funnel(spec: FreezeSpec, total: int, rejected: int, ids: list[BitMap], left: int) -> Funnel:
    silent = sum(
        len(own) for subset, own in zip(spec.subsets, ids, strict=True) if not shows(subset, len(own))
    )
    kept = total - rejected - left - silent
    reasons = ((REJECTED, rejected), (NO_SUBSET, left), ("in a subset with no repeats", silent))
    return (
        ("in the collection", total),
        *((reason, count) for reason, count in reasons if count),
        ("kept", kept),
    )


def shows(subset: Subset, images: int) -> bool:
    """Whether a subset of so many pictures gives any sample in an epoch."""
    return Span(0, subset.repeats, 0, images).samples > 0
