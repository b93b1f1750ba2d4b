"""Decides how the batch of a step is brought together, ahead of time, by any number of reading threads.

The batch of a step is a function of the step: threads only change when it is ready. Threads and not
processes: decoding and scaling leave Python's lock, nothing is copied or imported twice, and nothing
outlives a killed run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from torch import Tensor

from curator.contract.epoch_plan import EpochPlan, Sample
from curator.contract.manifest import Manifest
from train.data.dataset import picture_of
from train.data.images import PictureFile, read_pixels
from train.data.quarantine import Quarantine


@dataclass(frozen=True)
class Share:
    """Which part of every batch this process computes."""

    rank: int = 0
    processes: int = 1

    def of(self, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        count = len(samples)
        return samples[self.rank * count // self.processes : (self.rank + 1) * count // self.processes]


@dataclass(frozen=True)
class Item:
    """One sample, ready to train. `shown` differs from `sample` where a bad picture was replaced."""

    sample: Sample
    shown: Sample
    name: str
    flip: bool
    caption: str
    loss_weight: float
    pixels: Tensor | None


@dataclass(frozen=True)
class Batch:
    """This process's share of the batch of one step; `total` counts the samples of all processes."""

    step: int
    epoch: int
    items: tuple[Item, ...]
    total: int


class BatchReader:
    """Makes batches from the plan. With `cached`, pictures are not read: their latents are at hand."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        plan: EpochPlan,
        quarantine: Quarantine,
        share: Share,
        workers: int,
        cached: bool,
    ) -> None:
        self.manifest = manifest
        self.plan = plan
        self.quarantine = quarantine
        self.share = share
        self.workers = 0 if cached else workers
        self.read: Callable[[PictureFile, bool], Tensor | None] = _nothing if cached else read_pixels

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """Batches of steps `first` .. `last - 1`, in order."""
        if not self.workers:
            for step in range(first, last):
                batch, bucket, samples = self._planned(step)
                yield replace(batch, items=tuple(self._item(sample, bucket, step) for sample in samples))
            return
        with ThreadPoolExecutor(self.workers, thread_name_prefix="reader") as pool:
            try:
                yield from self._ahead(range(first, last), pool)
            finally:  # a stopped run must not wait for pictures it will not use
                pool.shutdown(wait=False, cancel_futures=True)

    def _ahead(self, steps: range, pool: ThreadPoolExecutor) -> Iterator[Batch]:
        """Keep at least two batches, and two pictures a thread, under way."""
        waiting: deque[_Pending] = deque()
        for step in steps:
            batch, bucket, samples = self._planned(step)
            futures = tuple(pool.submit(self._item, sample, bucket, step) for sample in samples)
            waiting.append(_Pending(batch, futures))
            if len(waiting) > 2 and sum(len(each.items) for each in waiting) > 2 * self.workers:
                yield waiting.popleft().wait()
        while waiting:
            yield waiting.popleft().wait()

    def _planned(self, step: int) -> tuple[Batch, int, tuple[Sample, ...]]:
        epoch, index = self.plan.locate(step)
        batch = self.plan.batch(epoch, index)
        return Batch(step, epoch, (), len(batch.samples)), batch.bucket, self.share.of(batch.samples)

    def _item(self, sample: Sample, bucket: int, step: int) -> Item:
        def read(row: int) -> Item:
            picture = picture_of(self.manifest, row)
            shown = sample._replace(row=row)
            seed = self.plan.seed
            flip = picture.flip(shown, seed)
            pixels = self.read(picture.file, flip)
            caption, weight = picture.caption(shown, seed, step), picture.subset.loss_weight
            return Item(sample, shown, picture.name, flip, caption, weight, pixels)

        return self.quarantine.first_good(sample.row, bucket, read)


@dataclass(frozen=True)
class _Pending:
    """A batch whose items are being read."""

    batch: Batch
    items: tuple[Future[Item], ...]

    def wait(self) -> Batch:
        return replace(self.batch, items=tuple(future.result() for future in self.items))


def _nothing(_file: PictureFile, _flip: bool) -> None:
    return None
