"""Room for a batch: micro-batches that did not fit are cut in halves, and stay so for images of that size.

Each sample's loss counts by the whole batch, so the gradient is the same however it is cut.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from curator.contract.text import counted
from train.data.masks import LATENT
from train.out_of_memory import is_out_of_memory

if TYPE_CHECKING:
    from train.data.micro_batch import MicroBatch, ReadyBatch

T = TypeVar("T")


@dataclass
class Room:
    """How many images of a size, in pixels, go through the model at once: as many as the recipe says, or fewer."""

    most: dict[tuple[int, int], int] = field(default_factory=dict)

    def fitted(
        self,
        batch: ReadyBatch,
        work: Callable[[Sequence[MicroBatch]], T],
        can_begin_again: Callable[[], bool],
    ) -> T:
        """What `work` gives for the micro-batches of `batch`: once more with smaller ones where they do not fit.

        It begins anew each time, and is not asked again where `can_begin_again` says no.

        Raises:
            Exception: not even one image fits; the library's own error.
        """
        parts = self._parts(batch)
        while True:
            try:
                return work(parts)
            except Exception as error:
                at_once = max(map(len_of, parts), default=1)
                if not is_out_of_memory(error) or at_once == 1 or not can_begin_again():
                    raise
            release_memory()  # behind the block: the error holds on to all that was computed
            self.most[size_of(parts)] = at_once // 2
            parts = self._parts(batch)

    def _parts(self, batch: ReadyBatch) -> Sequence[MicroBatch]:
        most = self.most.get(size_of(batch.micro_batches)) if batch.micro_batches else None
        return batch.micro_batches if most is None else batch.cut(most)


@dataclass
class AtOnce:
    """How many rows go through a model at once, where nothing is learnt: halved when they do not fit, for good."""

    most: int

    def work(self, rows: int, of: Callable[[slice], Tensor]) -> Tensor:
        """What `of` gives for each part of so many rows, one after another.

        Raises:
            Exception: not even one row fits; the library's own error.
        """
        while True:
            try:
                return torch.cat([of(slice(at, at + self.most)) for at in range(0, rows, self.most)])
            except Exception as error:
                if not is_out_of_memory(error) or min(self.most, rows) == 1:
                    raise
            release_memory()  # behind the block, as above
            self.most = min(self.most, rows) // 2


def release_memory() -> None:
    """Give the device back what an error held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def len_of(part: MicroBatch) -> int:
    """How many images go through the model at once."""
    return len(part.timesteps)


def size_of(parts: Sequence[MicroBatch]) -> tuple[int, int]:
    """Width and height of a batch's images, in pixels."""
    height, width = parts[0].inputs.shape[-2:]
    return width * LATENT, height * LATENT


def shown(parts: Sequence[MicroBatch]) -> str:
    """What goes through the model at once, in words."""
    if not parts:
        return "no images of its own"
    width, height = size_of(parts)
    return f"{counted(max(map(len_of, parts)))} of {width} x {height} pixels at once"
