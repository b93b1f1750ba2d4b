"""The batches of every epoch, computed without a list of samples.

Rows of one bucket with one repeat count stand together in the manifest as a *span*. A span of n rows with
repeats k + f gives k*n + round(f*n) samples an epoch: k whole passes, then the first round(f*n) rows of a
keyed permutation of the span. The samples of a bucket are permuted, cut into batches, and all batches of
the epoch are permuted. Batch j of epoch e costs O(log spans) a sample and depends on nothing but
(seed, e, j): any number of loader workers, GPUs and resumes sees the same (rows S037, B11, B14).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, NamedTuple

from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, key, permute

Leftovers = Literal["short", "fill", "carry"]
LEFTOVERS: tuple[Leftovers, ...] = ("short", "fill", "carry")


class Span(NamedTuple):
    """Rows `first_row` .. `first_row + rows - 1` of the manifest: one bucket, one repeat count."""

    bucket: int
    repeats: float
    first_row: int
    rows: int

    @property
    def samples(self) -> int:
        """Samples an epoch, exactly: whole passes and the rounded fraction."""
        whole = int(self.repeats)
        return whole * self.rows + round((self.repeats - whole) * self.rows)


class Sample(NamedTuple):
    """One showing of one image: every random draw about it is keyed by these three and the seed."""

    epoch: int
    row: int
    copy: int


class Batch(NamedTuple):
    """Samples of one bucket that make one optimiser step."""

    bucket: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class _Bucket:
    """The spans of one bucket and where the samples of each begin."""

    index: int
    spans: tuple[Span, ...]
    starts: tuple[int, ...]  # one more than spans; the last is the samples an epoch

    @property
    def samples(self) -> int:
        return self.starts[-1]


class EpochPlan:
    """All batches of all epochs of one training.

    `batch_size` is the effective batch: device batch x accumulation x processes. What is left over when a
    bucket's samples do not divide by it is, by `leftovers`:

    - "short": the last batch of the bucket is short; every sample is seen in its epoch;
    - "fill": the last batch is filled with the bucket's samples of the next epoch's order, seen once more;
    - "carry": the samples wait for the next epoch, and only the `final_epoch` has short batches.
    """

    def __init__(
        self,
        spans: Sequence[Span],
        batch_size: int,
        seed: int,
        leftovers: Leftovers = "short",
        final_epoch: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise UserError(f"the batch size is {batch_size}", "give 1 or more")
        self.batch_size = batch_size
        self.seed = seed
        self.leftovers: Leftovers = leftovers
        self.final_epoch = final_epoch
        self._buckets = _by_bucket(spans)
        if not self.samples_per_epoch:
            raise UserError("the manifest gives no sample in an epoch", "raise the repeats of a subset")
        self._first_batches: dict[int, tuple[int, ...]] = {}

    @property
    def samples_per_epoch(self) -> int:
        return sum(bucket.samples for bucket in self._buckets)

    def batches(self, epoch: int) -> int:
        """Batches, and so optimiser steps, of `epoch` (counted from 0)."""
        return self._starts(epoch)[-1]

    def bucket_batches(self, epoch: int) -> dict[int, int]:
        """Batches of each bucket in `epoch`."""
        starts = self._starts(epoch)
        return {b.index: starts[i + 1] - starts[i] for i, b in enumerate(self._buckets)}

    def steps(self, epochs: int) -> int:
        """Optimiser steps of the first `epochs` epochs."""
        if self.leftovers == "carry":
            return sum(self.batches(epoch) for epoch in range(epochs))
        return epochs * self.batches(0)

    def locate(self, step: int) -> tuple[int, int]:
        """The epoch and the batch in it of the step with index `step` (from 0)."""
        if self.leftovers != "carry":
            return divmod(step, self.batches(0))
        epoch = 0
        while step >= (count := self.batches(epoch)):
            if not count and self.final_epoch is not None and epoch >= self.final_epoch:
                raise IndexError(step)
            step -= count
            epoch += 1
        return epoch, step

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch `index` of `epoch`.

        Raises:
            IndexError: when `index` is not below `batches(epoch)`.
        """
        starts = self._starts(epoch)
        if not 0 <= index < starts[-1]:
            raise IndexError(index)
        index = permute(index, starts[-1], key(self.seed, epoch, Purpose.BATCH_ORDER))
        which = bisect_right(starts, index) - 1
        bucket = self._buckets[which]
        first, last = self._stream_range(bucket, epoch, index - starts[which])
        return Batch(bucket.index, tuple(self._sample(bucket, at) for at in range(first, last)))

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch in training order."""
        return (self.batch(epoch, j) for j in range(self.batches(epoch)))

    def _starts(self, epoch: int) -> tuple[int, ...]:
        """Where the batches of each bucket begin in `epoch`, before the batches are permuted."""
        if self.leftovers != "carry":
            epoch = 0
        if epoch not in self._first_batches:
            counts = (len(range(*self._edges(bucket, epoch))) for bucket in self._buckets)
            self._first_batches[epoch] = (0, *accumulate(counts))
        return self._first_batches[epoch]

    def _edges(self, bucket: _Bucket, epoch: int) -> tuple[int, int]:
        """First and last-plus-one batch of the bucket's endless stream of samples that belong to `epoch`."""
        size, samples = self.batch_size, bucket.samples
        if self.leftovers != "carry":
            return 0, -(-samples // size)
        if self.final_epoch is not None and epoch > self.final_epoch:
            return 0, 0
        end = (epoch + 1) * samples
        return epoch * samples // size, -(-end // size) if epoch == self.final_epoch else end // size

    def _stream_range(self, bucket: _Bucket, epoch: int, batch: int) -> tuple[int, int]:
        """The range of the bucket's stream of samples (all epochs, one after another) that `batch` holds."""
        size, samples = self.batch_size, bucket.samples
        if self.leftovers == "carry":
            first = (self._edges(bucket, epoch)[0] + batch) * size
            ends = first + size if self.final_epoch is None else (self.final_epoch + 1) * samples
            return first, min(first + size, ends)
        first = epoch * samples + batch * size
        return first, first + size if self.leftovers == "fill" else min(first + size, (epoch + 1) * samples)

    def _sample(self, bucket: _Bucket, at: int) -> Sample:
        epoch, at = divmod(at, bucket.samples)
        place = permute(at, bucket.samples, key(self.seed, epoch, Purpose.SAMPLE_ORDER, bucket.index))
        which = bisect_right(bucket.starts, place) - 1
        span = bucket.spans[which]
        place -= bucket.starts[which]
        copy, row = divmod(place, span.rows)
        if copy == int(span.repeats):  # the fraction: which rows get it is drawn anew each epoch
            fraction = key(self.seed, epoch, Purpose.FRACTION, bucket.index, span.first_row)
            row = permute(row, span.rows, fraction)
        return Sample(epoch, span.first_row + row, copy)


def _by_bucket(spans: Sequence[Span]) -> tuple[_Bucket, ...]:
    """Buckets that give at least one sample, in order."""
    grouped: dict[int, list[Span]] = {}
    for span in spans:
        if span.samples:
            grouped.setdefault(span.bucket, []).append(span)
    return tuple(
        _Bucket(index, tuple(own), (0, *accumulate(span.samples for span in own)))
        for index, own in sorted(grouped.items())
    )
