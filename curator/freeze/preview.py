"""Decides what a freeze would give before it is made: shares of subsets, loads of buckets, steps of an epoch.

The numbers come from the same spans and the same epoch plan the trainer uses, so they cannot differ from it
(rows S037, B14).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.buckets import BucketRule, Size, bucket_list, place
from curator.contract.epoch_plan import EpochPlan, Span
from curator.contract.recipe import BatchSize
from curator.freeze.members import Funnel, Members, shows
from curator.freeze.spec import FreezeSpec
from curator.index.collection import Collection

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class SubsetShare:
    """One subset: `samples` an epoch, its `share` of them (0 to 1), and how many of an epoch's steps that is."""

    name: str
    filter: str
    images: int
    repeats: float
    samples: int
    share: float
    steps: float


@dataclass(frozen=True)
class BucketLoad:
    """One bucket: `short_by` samples are missing in its last batch."""

    bucket: Size
    images: int
    samples: int
    batches: int
    short_by: int


@dataclass(frozen=True)
class FreezePreview:
    """What one epoch of the collection would be, were it frozen now."""

    subsets: tuple[SubsetShare, ...]
    buckets: tuple[BucketLoad, ...]
    images: int
    samples_per_epoch: int
    steps_per_epoch: int
    effective_batch: int
    funnel: Funnel
    never_shown: int = 0  # pictures whose bucket is too small for a fraction of a repeat


@dataclass(frozen=True)
class BucketTable:
    """All buckets in order, and the bucket of each image id (-1 where it was not asked for)."""

    sizes: tuple[Size, ...]
    of_image: Numbers


def bucket_table(collection: Collection, rule: BucketRule, ids: BitMap) -> BucketTable:
    """Place the pictures `ids`. Equal sizes are placed once: a million pictures have some thousand sizes."""
    wanted = np.fromiter(ids, dtype=np.int64, count=len(ids))
    with collection.reading():
        width = collection.columns.of("width")[wanted].astype(np.int64)
        height = collection.columns.of("height")[wanted].astype(np.int64)
    packed, inverse = np.unique(width << 32 | height, return_inverse=True)
    placed = [place((int(size) >> 32, int(size) & 0xFFFFFFFF), rule).bucket for size in packed]
    # Without upscaling a bucket is the picture's own size, which the list need not hold.
    sizes = tuple(sorted({*bucket_list(rule), *placed}))
    number = {size: i for i, size in enumerate(sizes)}
    of_image = np.full(int(wanted.max(initial=-1)) + 1, -1, dtype=np.int64)
    if len(wanted):
        of_image[wanted] = np.array([number[bucket] for bucket in placed], dtype=np.int64)[inverse]
    return BucketTable(sizes, of_image)


def preview(collection: Collection, spec: FreezeSpec, members: Members, batch: BatchSize) -> FreezePreview:
    """What `members` would be in one epoch with batches of size x accumulate."""
    frozen = tuple(
        own if shows(subset, len(own)) else BitMap()
        for subset, own in zip(spec.subsets, members.ids, strict=True)
    )
    table = bucket_table(collection, spec.rule, BitMap.union(BitMap(), *frozen))
    loads = [_loads(table, own) for own in frozen]
    spans = spans_of(spec, loads)
    effective = batch.size * batch.accumulate
    steps_of = _steps(spans, effective, batch)
    samples = _samples_by_bucket(spans)
    steps = sum(steps_of.values())
    return FreezePreview(
        subsets=_shares(spec, frozen, loads, spans, steps_of),
        buckets=tuple(
            BucketLoad(
                table.sizes[b],
                sum(int(load[b]) for load in loads),
                samples[b],
                steps_of[b],
                -samples[b] % effective,
            )
            for b in sorted(samples)
        ),
        images=sum(len(own) for own in frozen),
        samples_per_epoch=sum(samples.values()),
        steps_per_epoch=steps,
        effective_batch=effective,
        funnel=members.funnel,
        never_shown=sum(span.rows for span in spans if not span.samples),
    )


def spans_of(spec: FreezeSpec, loads: Sequence[Numbers]) -> tuple[Span, ...]:
    """The spans the freeze would write: `loads` are pictures by bucket, one array a subset."""
    rows: dict[tuple[int, float], int] = {}
    for subset, load in zip(spec.subsets, loads, strict=True):
        for bucket in np.flatnonzero(load):
            where = (int(bucket), float(subset.repeats))
            rows[where] = rows.get(where, 0) + int(load[bucket])
    spans: list[Span] = []
    first = 0
    for (bucket, repeats), count in sorted(rows.items()):
        spans.append(Span(bucket, repeats, first, count))
        first += count
    return tuple(spans)


def _loads(table: BucketTable, ids: BitMap) -> Numbers:
    of = table.of_image[np.fromiter(ids, dtype=np.int64, count=len(ids))]
    return np.bincount(of, minlength=len(table.sizes)).astype(np.int64)


def _steps(spans: Sequence[Span], effective: int, batch: BatchSize) -> dict[int, int]:
    if not any(span.samples for span in spans):
        return {}
    return EpochPlan(spans, effective, 0, batch.leftovers).bucket_batches(0)


def _samples_by_bucket(spans: Iterable[Span]) -> dict[int, int]:
    samples: dict[int, int] = {}
    for span in spans:
        if span.samples:
            samples[span.bucket] = samples.get(span.bucket, 0) + span.samples
    return samples


def _shares(
    spec: FreezeSpec,
    frozen: Sequence[BitMap],
    loads: Sequence[Numbers],
    spans: Sequence[Span],
    steps_of: dict[int, int],
) -> tuple[SubsetShare, ...]:
    """A subset's samples are its rows' part of each span, its steps its samples' part of each bucket's steps."""
    in_span = {(span.bucket, span.repeats): span.samples / span.rows for span in spans}
    in_bucket = _samples_by_bucket(spans)
    total = sum(in_bucket.values())
    shares: list[SubsetShare] = []
    for subset, own, load in zip(spec.subsets, frozen, loads, strict=True):
        shown = {b: float(load[b]) * in_span.get((b, float(subset.repeats)), 0.0) for b in in_bucket}
        samples = sum(shown.values())
        steps = sum(steps_of[b] * part / in_bucket[b] for b, part in shown.items())
        share = samples / total if total else 0.0
        shares.append(
            SubsetShare(subset.name, subset.filter, len(own), subset.repeats, round(samples), share, steps)
        )
    return tuple(shares)
