"""Membership of a freeze: the subset and repeats of every image, or why it is left out (rows B19, S045)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.epoch_plan import Span
from curator.filter.evaluate import select
from curator.freeze.bucket_table import bucket_table, samples_of
from curator.freeze.regularise import Run, Runs, regularised
from curator.freeze.spec import FreezeSpec
from curator.index.bulk_rows import BulkRows
from curator.index.changes.changes import id_array
from curator.index.collection import Collection
from curator.index.sets.bitmaps import Flag, of_array, of_mask
from curator.index.tables.small_tables import Subset

Funnel = tuple[tuple[str, int], ...]

REJECTED = "rejected by hand"
NO_SUBSET = "in no subset"
NO_SIZE = "of unknown size"
SILENT = "in a subset with no repeats"
SURPLUS = "regularisation surplus"


class Shown(NamedTuple):
    """Images of subset number `subset` that have so many repeats."""

    subset: int
    repeats: float
    ids: BitMap


@dataclass(frozen=True)
class Members:
    """Images of each subset, in the order of the spec, and the funnel: first the input, last what is kept.

    `shown` are those that are frozen, with their repeats: a regularisation subset may have several, and leave some out.
    `overlaps` counts, per subset, the images its filter meets that an earlier subset already has.
    `unknown_tags` are the tags, per subset, that its filter names and no image has.
    """

    ids: tuple[BitMap, ...]
    shown: tuple[Shown, ...]
    funnel: Funnel
    overlaps: tuple[int, ...]
    unknown_tags: tuple[tuple[str, ...], ...]

    def frozen(self) -> BitMap:
        """Every image that is frozen."""
        return BitMap.union(BitMap(), *(each.ids for each in self.shown))

    def surplus(self, spec: FreezeSpec) -> BitMap:
        """The images of regularisation that are left out because training gives fewer samples."""
        reg = (
            own
            for own, subset in zip(self.ids, spec.subsets, strict=True)
            if subset.is_reg and shows(subset, len(own))
        )
        return BitMap().union(*reg) - self.frozen()

    def frozen_of(self, subset: int) -> BitMap:
        """The images of one subset that are frozen."""
        return BitMap.union(BitMap(), *(each.ids for each in self.shown if each.subset == subset))


def members_of(collection: Collection, spec: FreezeSpec) -> Members:
    """Share the living, unrejected images out among the subsets."""
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
    """Whether a subset of so many images gives any sample in an epoch."""
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
    if reg:
        runs = _balanced(collection, spec, shown, {number: ids[number] for number in reg})
        for number, own_runs in zip(reg, runs, strict=True):
            shown += [Shown(number, repeats, own) for own, repeats in _cut(collection, ids[number], own_runs)]
    return sorted(shown, key=lambda each: each.subset)


def _balanced(
    collection: Collection, spec: FreezeSpec, trained: Sequence[Shown], reg: dict[int, BitMap]
) -> Runs:
    """The runs of regularisation subsets. Who is in which bucket matters only where repeats have fractions."""
    subsets = [Run(len(ids), float(spec.subsets[number].repeats)) for number, ids in reg.items()]
    repeats = [run.repeats for run in subsets] + [each.repeats for each in trained]
    if all(each.is_integer() for each in repeats):
        samples = sum(len(each.ids) * int(each.repeats) for each in trained)
        return regularised(samples, subsets, _whole)
    everyone = BitMap().union(*(each.ids for each in trained), *reg.values())
    table = bucket_table(collection, spec.rule, everyone)
    training = [(each.repeats, table.loads(id_array(each.ids))) for each in trained]
    samples = samples_of(training)
    ordered = [BulkRows(collection).in_path_order(ids).ids for ids in reg.values()]

    def shown(runs: Runs) -> int:
        cut = (each for ids, own in zip(ordered, runs, strict=True) for each in _slices(ids, own))
        return samples_of([*training, *((repeats, table.loads(ids)) for ids, repeats in cut)]) - samples

    return regularised(samples, subsets, shown)


def _whole(runs: Runs) -> int:
    return sum(run.pictures * int(run.repeats) for own in runs for run in own)


def _cut(collection: Collection, images: BitMap, runs: Sequence[Run]) -> list[tuple[BitMap, float]]:
    """Images in the order of their paths, cut into runs."""
    if [run.pictures for run in runs] == [len(images)]:
        return [(images, runs[0].repeats)]
    ordered = BulkRows(collection).in_path_order(images).ids
    return [(of_array(np.sort(ids)), repeats) for ids, repeats in _slices(ordered, runs)]


def _slices(ids: NDArray[np.uint32], runs: Sequence[Run]) -> Iterator[tuple[NDArray[np.uint32], float]]:
    """The images of each run, and their repeats."""
    ends = accumulate(run.pictures for run in runs)
    return ((ids[end - run.pictures : end], run.repeats) for run, end in zip(runs, ends, strict=True))
