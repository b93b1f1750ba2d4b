"""Decides which picture is frozen in which subset, how often, and why every other is left out (rows B19, S045)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pyroaring import BitMap

from curator.contract.epoch_plan import Span
from curator.filter.evaluate import select
from curator.freeze.regularise import Run, regularised
from curator.freeze.spec import FreezeSpec
from curator.index.bitmaps import Flag, of_array, of_mask
from curator.index.bulk_rows import BulkRows
from curator.index.collection import Collection
from curator.index.small_tables import Subset

Funnel = tuple[tuple[str, int], ...]

REJECTED = "rejected by hand"
NO_SUBSET = "in no subset"
NO_SIZE = "of unknown size"
SILENT = "in a subset with no repeats"
SURPLUS = "regularisation surplus"


class Shown(NamedTuple):
    """Pictures of subset number `subset` that have so many repeats."""

    subset: int
    repeats: float
    ids: BitMap


@dataclass(frozen=True)
class Members:
    """Pictures of each subset, in the order of the spec, and the funnel: first the input, last what is kept.

    `shown` are those that are frozen, with their repeats: a regularisation subset may have several, and leave some out.
    `overlaps` counts, per subset, the pictures its filter meets that an earlier subset already has.
    `unknown_tags` are the tags, per subset, that its filter names and no picture has.
    """

    ids: tuple[BitMap, ...]
    shown: tuple[Shown, ...]
    funnel: Funnel
    overlaps: tuple[int, ...]
    unknown_tags: tuple[tuple[str, ...], ...]

    def frozen(self) -> BitMap:
        """Every picture that is frozen."""
        return BitMap.union(BitMap(), *(each.ids for each in self.shown))

    def frozen_of(self, subset: int) -> BitMap:
        """The pictures of one subset that are frozen."""
        return BitMap.union(BitMap(), *(each.ids for each in self.shown if each.subset == subset))


def members_of(collection: Collection, spec: FreezeSpec) -> Members:
    """Share the living, unrejected pictures out among the subsets."""
    with collection.reading():
        everything = BitMap(collection.images.alive())
        rejected = everything & collection.bitmaps.of(Flag.REJECT)
        sizeless = _sizeless(collection) & everything - rejected
        out = rejected | sizeless
        free = everything - out
        ids: list[BitMap] = []
        overlaps: list[int] = []
        unknown: list[tuple[str, ...]] = []
        for subset in spec.subsets:
            found = select(collection, subset.filter)
            wanted = found.bitmap() - out
            overlaps.append(len(wanted - free))
            unknown.append(tuple(found.unknown_tags))
            ids.append(wanted & free)
            free -= wanted
        shown = _shown(collection, spec, ids)
    silent = sum(
        len(own) for own, subset in zip(ids, spec.subsets, strict=True) if not shows(subset, len(own))
    )
    kept = sum(len(each.ids) for each in shown)
    reasons = (
        (REJECTED, len(rejected)),
        (NO_SIZE, len(sizeless)),
        (NO_SUBSET, len(free)),
        (SILENT, silent),
        (SURPLUS, sum(map(len, ids)) - silent - kept),
    )
    funnel = (
        ("in the collection", len(everything)),
        *((reason, count) for reason, count in reasons if count),
        ("kept", kept),
    )
    return Members(tuple(ids), tuple(shown), funnel, tuple(overlaps), tuple(unknown))


def shows(subset: Subset, images: int) -> bool:
    """Whether a subset of so many pictures gives any sample in an epoch."""
    return Span(0, subset.repeats, 0, images).samples > 0


def _sizeless(collection: Collection) -> BitMap:
    width, height = collection.columns.of("width"), collection.columns.of("height")
    return of_mask((width == 0) | (height == 0))


def _shown(collection: Collection, spec: FreezeSpec, ids: Sequence[BitMap]) -> list[Shown]:
    shown: list[Shown] = []
    reg: list[int] = []
    for number, (subset, own) in enumerate(zip(spec.subsets, ids, strict=True)):
        if shows(subset, len(own)) and subset.is_reg:
            reg.append(number)
        elif shows(subset, len(own)):
            shown.append(Shown(number, float(subset.repeats), own))
    samples = sum(len(each.ids) * each.repeats for each in shown)
    runs = regularised(
        samples, [Run(len(ids[number]), float(spec.subsets[number].repeats)) for number in reg]
    )
    for number, own_runs in zip(reg, runs, strict=True):
        shown += [Shown(number, repeats, own) for own, repeats in _cut(collection, ids[number], own_runs)]
    return sorted(shown, key=lambda each: each.subset)


def _cut(collection: Collection, images: BitMap, runs: Sequence[Run]) -> list[tuple[BitMap, float]]:
    """Pictures in the order of their paths, cut into runs."""
    if [run.pictures for run in runs] == [len(images)]:
        return [(images, runs[0].repeats)]
    ordered = BulkRows(collection).paths(images).ids
    ends = np.cumsum([run.pictures for run in runs])
    return [
        (of_array(np.sort(ordered[end - run.pictures : end])), run.repeats)
        for run, end in zip(runs, ends.tolist(), strict=True)
    ]
