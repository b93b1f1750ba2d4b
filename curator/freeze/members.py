"""Membership of a freeze: what was asked for, and by it the subset and repeats of every image, or why it is left out.

Rows B19 and S045.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.epoch_plan import Span
from curator.contract.errors import UserError, did_you_mean
from curator.filter.evaluate import select
from curator.freeze.bucket_table import samples_of
from curator.freeze.held_out import held_out_of
from curator.freeze.regularise import Run, Runs, regularised
from curator.index.bucket_rule import bucket_rule
from curator.index.changes.changes import id_array
from curator.index.sets.bitmaps import Flag, of_array, of_mask
from curator.index.tables.rows import Subset

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule
    from curator.freeze.reader import FreezeReader
    from curator.index.collection import Collection

Funnel = tuple[tuple[str, int], ...]

REJECTED = "rejected by hand"
NO_SUBSET = "in no subset"
NO_SIZE = "of unknown size"
SILENT = "in a subset with no repeats"
SURPLUS = "regularisation surplus"
HELD_OUT = "held out for validation"
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


def spec_of(
    collection: Collection,
    rule: BucketRule | None = None,
    only: Sequence[str] = (),
    captions: Mapping[str, Any] | None = None,
) -> FreezeSpec:
    """The collection's spec as it stands, with another bucket rule where one is given, or some subsets alone.

    `captions` are caption rules of all subsets, by name, in the place of their own.

    Raises:
        UserError: there is no subset of a name of `only`, or a caption rule cannot be.
    """
    subsets = collection.subsets.list()
    names = [subset.name for subset in subsets]
    for name in only:
        if name not in names:
            raise UserError(f"there is no subset '{name}'", did_you_mean(name, names))
    chosen = tuple(subset for subset in subsets if not only or subset.name in only)
    changed = (
        replace(subset, rules=replace(subset.rules, **(captions or {}))) for subset in chosen or (EVERYTHING,)
    )
    return FreezeSpec(rule or bucket_rule(collection), tuple(changed))


@dataclass(frozen=True)
class Members:
    """Images of each subset, in the order of the spec, and the funnel: first the input, last what is kept.

    `shown` are trained, with their repeats: a regularisation subset may have several, and leave some out. `held_out`
    are frozen for validation alone, with repeats of 0.
    `overlaps` counts, per subset, the images its filter meets that an earlier subset already has.
    `unknown_tags` are the tags, per subset, that its filter names and no image has.
    """

    ids: tuple[BitMap, ...]
    shown: tuple[Shown, ...]
    held_out: tuple[Shown, ...]
    funnel: Funnel
    overlaps: tuple[int, ...]
    unknown_tags: tuple[tuple[str, ...], ...]

    def frozen(self) -> BitMap:
        """Every image that is frozen, those held out too."""
        return BitMap.union(BitMap(), *(each.ids for each in self.all_shown))

    @property
    def all_shown(self) -> tuple[Shown, ...]:
        """What is trained and what is held out."""
        return (*self.shown, *self.held_out)

    def held_out_of(self, subset: int) -> BitMap:
        """The images of one subset that are held out for validation."""
        return BitMap.union(BitMap(), *(each.ids for each in self.held_out if each.subset == subset))

    def trained_of(self, subset: int) -> BitMap:
        """The images of one subset that are not held out, also where its repeats show none of them."""
        return self.ids[subset] - self.held_out_of(subset)

    def surplus(self, spec: FreezeSpec) -> BitMap:
        """The images of regularisation that are left out because training gives fewer samples."""
        reg = (
            self.ids[number]
            for number, subset in enumerate(spec.subsets)
            if subset.is_reg and shows(subset, len(self.trained_of(number)))
        )
        return BitMap().union(*reg) - self.frozen()

    def frozen_of(self, subset: int) -> BitMap:
        """The images of one subset that are frozen."""
        return BitMap.union(BitMap(), *(each.ids for each in self.all_shown if each.subset == subset))


def members_of(reader: FreezeReader, spec: FreezeSpec) -> Members:
    """Share the living, unrejected images out among the subsets."""
    collection = reader.collection
    everything = BitMap(collection.images.alive())
    rejected = everything & collection.bitmaps.of(Flag.REJECT)
    sizeless = _sizeless(reader) & everything - rejected
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
    held = held_out_of(reader, spec.subsets, ids)
    trained = [own - out for own, out in zip(ids, held, strict=True)]
    shown = _shown(reader, spec, trained)
    silent = sum(
        len(own) for own, subset in zip(trained, spec.subsets, strict=True) if not shows(subset, len(own))
    )
    held_out = sum(map(len, held))
    kept = sum(len(each.ids) for each in shown)
    reasons = (
        (REJECTED, len(rejected)),
        (NO_SIZE, len(sizeless)),
        (NO_SUBSET, len(free)),
        (SILENT, silent),
        (SURPLUS, sum(map(len, trained)) - silent - kept),
        (HELD_OUT, held_out),
    )
    funnel = (
        ("in the collection", len(everything)),
        *((reason, count) for reason, count in reasons if count),
        ("kept", kept),
    )
    apart = tuple(Shown(number, 0.0, own) for number, own in enumerate(held) if own)
    return Members(tuple(ids), tuple(shown), apart, funnel, tuple(overlaps), tuple(unknown))


def shows(subset: Subset, images: int) -> bool:
    """Whether a subset of so many images gives any sample in an epoch."""
    return Span(0, subset.repeats, 0, images).samples > 0


def _sizeless(reader: FreezeReader) -> BitMap:
    return of_mask((reader.column("width") == 0) | (reader.column("height") == 0))


def _shown(reader: FreezeReader, spec: FreezeSpec, ids: Sequence[BitMap]) -> list[Shown]:
    shown: list[Shown] = []
    reg: list[int] = []
    for number, (subset, own) in enumerate(zip(spec.subsets, ids, strict=True)):
        if shows(subset, len(own)) and subset.is_reg:
            reg.append(number)
        elif shows(subset, len(own)):
            shown.append(Shown(number, float(subset.repeats), own))
    if reg:
        shown += _balanced(reader, spec, shown, {number: ids[number] for number in reg})
    return sorted(shown, key=lambda each: each.subset)


def _balanced(
    reader: FreezeReader, spec: FreezeSpec, trained: Sequence[Shown], reg: dict[int, BitMap]
) -> Iterator[Shown]:
    """Regularisation subsets, cut by the rule of `regularise`."""
    ordered = _InPathOrder(reader, reg)
    runs = _runs(reader, spec, trained, reg, ordered)
    for (number, images), own in zip(reg.items(), runs, strict=True):
        if [run.pictures for run in own] == [len(images)]:
            yield Shown(number, own[0].repeats, images)
        else:
            for ids, repeats in _slices(ordered.of(number), own):
                yield Shown(number, repeats, of_array(np.sort(ids)))


class _InPathOrder:
    """Images of subsets in the order of their paths, which is looked up once, and only where it matters."""

    def __init__(self, reader: FreezeReader, subsets: dict[int, BitMap]) -> None:
        self._reader, self._subsets = reader, subsets
        self._known: dict[int, NDArray[np.uint32]] = {}

    def of(self, number: int) -> NDArray[np.uint32]:
        if number not in self._known:
            self._known[number] = self._reader.in_path_order(self._subsets[number])
        return self._known[number]


def _runs(
    reader: FreezeReader,
    spec: FreezeSpec,
    trained: Sequence[Shown],
    reg: dict[int, BitMap],
    ordered: _InPathOrder,
) -> Runs:
    """The runs of regularisation subsets. Who is in which bucket matters only where repeats have fractions."""
    subsets = [Run(len(ids), float(spec.subsets[number].repeats)) for number, ids in reg.items()]
    repeats = [run.repeats for run in subsets] + [each.repeats for each in trained]
    if all(each.is_integer() for each in repeats):
        samples = sum(len(each.ids) * int(each.repeats) for each in trained)
        return regularised(samples, subsets, _whole)
    table = reader.buckets(spec.rule, BitMap().union(*(each.ids for each in trained), *reg.values()))
    training = [(each.repeats, table.loads(id_array(each.ids))) for each in trained]
    samples = samples_of(training)

    def shown(runs: Runs) -> int:
        cut = (each for n, own in zip(reg, runs, strict=True) for each in _slices(ordered.of(n), own))
        return samples_of([*training, *((repeats, table.loads(ids)) for ids, repeats in cut)]) - samples

    return regularised(samples, subsets, shown)


def _whole(runs: Runs) -> int:
    return sum(run.pictures * int(run.repeats) for own in runs for run in own)


def _slices(ids: NDArray[np.uint32], runs: Sequence[Run]) -> Iterator[tuple[NDArray[np.uint32], float]]:
    """The images of each run, and their repeats."""
    ends = accumulate(run.pictures for run in runs)
    return ((ids[end - run.pictures : end], run.repeats) for run, end in zip(runs, ends, strict=True))
