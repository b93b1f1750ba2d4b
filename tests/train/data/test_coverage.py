"""Every image is trained its repeats in each epoch, whatever the number of readers and processes (S037, B11)."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from curator.contract.epoch_plan import EpochPlan
from curator.contract.manifest.manifest import open_manifest
from train.data.batches import BatchReader, Share
from train.data.quarantine import Quarantine

REPEATS = 2


class AllKept:
    """No image is read."""

    def find(self, _picture: object, *, flip: bool) -> tuple[torch.Tensor]:
        return (torch.zeros(2, 4, 8, 8),)


@pytest.mark.parametrize("cached", [False, True], ids=["read", "cached"])
@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("workers", [0, 2, 8])
def test_each_image_its_repeats_and_no_sample_twice(
    freeze, frozen, workers: int, processes: int, cached: bool
) -> None:
    """Shares are disjoint; all processes have the same bucket in the same step; a batch of 4 does not divide by 3."""
    with open_manifest(
        freeze(frozen(repeats=REPEATS, crop="center" if cached else "random")).manifest
    ) as manifest:
        plan = EpochPlan(manifest.spans, 4, seed=7, leftovers="short")
        steps = plan.batches(0) + plan.batches(1)
        readers = [
            BatchReader(
                manifest,
                plan=plan,
                quarantine=Quarantine(manifest.spans),
                share=Share(rank, processes),
                workers=workers,
                kept=AllKept() if cached else None,
            )
            for rank in range(processes)
        ]
        batches = [list(reader.batches(0, steps)) for reader in readers]
        seen: dict[int, Counter[str]] = {0: Counter(), 1: Counter()}
        for together in zip(*batches, strict=True):
            items = [item for batch in together for item in batch.items]
            assert len({item.sample for item in items}) == len(items) == together[0].total
            assert len({manifest.image(item.sample.row).bucket for item in items}) == 1
            seen[together[0].epoch].update(item.name for item in items)
        every = dict.fromkeys((manifest.image(row).path for row in range(len(manifest))), REPEATS)
        assert seen == {0: every, 1: every}
