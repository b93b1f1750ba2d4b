"""The preview of a freeze: shares of subsets, loads of buckets, steps of an epoch.

The numbers come from the same spans and the same epoch plan the trainer uses, so they cannot differ from it
(rows S037, B14).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curator.contract.epoch_plan import EpochPlan, Span
from curator.index.changes.changes import id_array

if TYPE_CHECKING:
    from curator.contract.buckets import Size
    from curator.contract.recipe.recipe import BatchSize
    from curator.freeze.bucket_table import Loads
    from curator.freeze.members import FreezeSpec, Funnel, Members, Shown
    from curator.freeze.reader import FreezeReader


@dataclass(frozen=True)
class SubsetShare:
    """One subset: `samples` an epoch, its `share` of them (0 to 1), and how many of an epoch's steps that is.

    `repeats` of regularisation are those the freeze gives, on average.
    """

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
    never_shown: int = 0  # images whose bucket is too small for a fraction of a repeat


def preview(reader: FreezeReader, spec: FreezeSpec, members: Members, batch: BatchSize) -> FreezePreview:
    """What `members` would be in one epoch with batches of size x accumulate."""
    table = reader.buckets(spec.rule, members.frozen())
    loads = [table.loads(id_array(each.ids)) for each in members.shown]
    spans = _spans(members.shown, loads)
    effective = batch.size * batch.accumulate
    steps_of = _steps(spans, effective, batch)
    samples = _samples_by_bucket(spans)
    steps = sum(steps_of.values())
    return FreezePreview(
        subsets=_shares(spec, members.shown, loads, spans, steps_of),
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
        images=sum(len(each.ids) for each in members.shown),
        samples_per_epoch=sum(samples.values()),
        steps_per_epoch=steps,
        effective_batch=effective,
        funnel=members.funnel,
        never_shown=sum(span.rows for span in spans if not span.samples),
    )


def _spans(shown: Sequence[Shown], loads: Sequence[Loads]) -> tuple[Span, ...]:
    """The spans the freeze would write: `loads` are images by bucket."""
    rows: dict[tuple[int, float], int] = {}
    for each, load in zip(shown, loads, strict=True):
        for bucket in np.flatnonzero(load):
            where = (int(bucket), each.repeats)
            rows[where] = rows.get(where, 0) + int(load[bucket])
    spans: list[Span] = []
    first = 0
    for (bucket, repeats), count in sorted(rows.items()):
        spans.append(Span(bucket, repeats, first, count))
        first += count
    return tuple(spans)


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
    shown: Sequence[Shown],
    loads: Sequence[Loads],
    spans: Sequence[Span],
    steps_of: dict[int, int],
) -> tuple[SubsetShare, ...]:
    """A subset's samples are its rows' part of each span, its steps its samples' part of each bucket's steps."""
    in_span = {(span.bucket, span.repeats): span.samples / span.rows for span in spans}
    in_bucket = _samples_by_bucket(spans)
    total = sum(in_bucket.values())
    shares: list[SubsetShare] = []
    for number, subset in enumerate(spec.subsets):
        own = [(each, load) for each, load in zip(shown, loads, strict=True) if each.subset == number]
        given = {
            b: sum(float(load[b]) * in_span.get((b, each.repeats), 0.0) for each, load in own)
            for b in in_bucket
        }
        samples = sum(given.values())
        steps = sum(steps_of[b] * part / in_bucket[b] for b, part in given.items())
        share = samples / total if total else 0.0
        images = sum(len(each.ids) for each, _ in own)
        meant = sum(len(each.ids) * each.repeats for each, _ in own)
        repeats = meant / images if images else subset.repeats
        shares.append(SubsetShare(subset.name, subset.filter, images, repeats, round(samples), share, steps))
    return tuple(shares)
