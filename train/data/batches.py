"""Decides how the batch of a step is brought together, ahead of time, by any number of reading threads.

The batch of a step is a function of the step: threads only change when it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from curator.contract.epoch_plan import EpochPlan, Sample
from curator.contract.manifest import Manifest
from train.data.dataset import picture_of
from train.data.images import PictureFile, read_pixels
from train.data.quarantine import Quarantine
from train.data.read_ahead import read_ahead
from train.families.conditioning import Framing


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
    framing: Framing
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
        for batch, items in read_ahead(map(self._planned, range(first, last)), self.workers):
            yield replace(batch, items=tuple(items))

    def _planned(self, step: int) -> tuple[Batch, list[Callable[[], Item]]]:
        """The batch without its items, and how to read them."""
        epoch, index = self.plan.locate(step)
        batch = self.plan.batch(epoch, index)
        mine = self.share.of(batch.samples)
        readers = [partial(self._item, sample, batch.bucket, step) for sample in mine]
        return Batch(step, epoch, (), len(batch.samples)), readers

    def _item(self, sample: Sample, bucket: int, step: int) -> Item:
        def read(row: int) -> Item:
            picture = picture_of(self.manifest, row)
            shown = sample._replace(row=row)
            seed = self.plan.seed
            flip = picture.flip(shown, seed)
            pixels = self.read(picture.file, flip)
            caption, weight = picture.caption(shown, seed, step), picture.subset.loss_weight
            framing = picture.framing(flip)
            return Item(sample, shown, picture.name, flip, framing, caption, weight, pixels)

        return self.quarantine.first_good(sample.row, bucket, read)


def _nothing(_file: PictureFile, _flip: bool) -> None:
    return None
