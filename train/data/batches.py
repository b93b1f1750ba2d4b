"""Batches of a run, read ahead by any number of threads.

The batch of a step is a function of the step: threads only change when it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from train.data.dataset import picture_of
from train.data.images import Cut, LoadedSample, load_sample
from train.data.read_ahead import read_ahead

if TYPE_CHECKING:
    from curator.contract.epoch_plan import EpochPlan, Sample
    from curator.contract.manifest.manifest import Manifest
    from train.cache.packing import Entry
    from train.data.kept_latents import KeptLatents
    from train.data.quarantine import Quarantine
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
    """One sample, ready to train. `shown` differs from `sample` where a bad image was replaced.

    `kept` are its latents where they were encoded before, `loaded` its pixels where they were not. `recurs` says that
    its caption will come again.
    """

    sample: Sample
    shown: Sample
    name: str
    cut: Cut
    framing: Framing
    caption: str
    loss_weight: float
    is_reg: bool
    loaded: LoadedSample | None
    kept: Entry | None = None
    recurs: bool = True


@dataclass(frozen=True)
class Batch:
    """This process's share of the batch of one step; `total` counts the samples of all processes."""

    step: int
    epoch: int
    items: tuple[Item, ...]
    total: int


class BatchReader:
    """Makes batches from the plan. Only images are read that are not `kept`, or are cut anew each time."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        plan: EpochPlan,
        quarantine: Quarantine,
        share: Share,
        workers: int,
        kept: KeptLatents | None = None,
    ) -> None:
        self.manifest = manifest
        self.plan = plan
        self.quarantine = quarantine
        self.share = share
        self.kept = kept
        self.workers = workers

    def batches(self, first: int, last: int, is_over: Callable[[], bool] = lambda: False) -> Generator[Batch]:
        """Batches of steps `first` .. `last - 1`, in order; `is_over` as in `read_ahead`."""
        for batch, items in read_ahead(map(self._planned, range(first, last)), self.workers, is_over):
            yield replace(batch, items=tuple(items))

    def read(self, bucket: int, samples: tuple[Sample, ...]) -> Batch:
        """Samples of one bucket, read at once, as a batch of step 0."""
        return Batch(0, 0, tuple(self._item(sample, bucket, 0) for sample in samples), len(samples))

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
            seed, subset = self.plan.seed, picture.subset
            cut = picture.cut(shown, seed)
            kept = self.kept.find(picture, flip=cut.flip) if self.kept and picture.is_fixed else None
            caption = picture.caption(shown, seed, step)
            return Item(
                sample=sample,
                shown=shown,
                name=picture.name,
                cut=cut,
                framing=picture.framing(cut),
                caption=caption,
                loss_weight=subset.loss_weight,
                is_reg=subset.is_reg,
                loaded=None if kept else load_sample(picture.file, cut),
                kept=kept,
                recurs=picture.says_again(caption),
            )

        return self.quarantine.first_good(sample.row, bucket, read, step)
