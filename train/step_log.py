"""Steps as they are reported: when their numbers have arrived from the device, in order.

A device computes while the next step is handed to it, so the numbers of a step are read one step later, which is
about when they are there; on a CPU they are there at once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.run.events import StepDone
from train.report import memory_bytes
from train.survival.spill import SpillWatch

if TYPE_CHECKING:
    from train.data.micro_batch import ReadyBatch
    from train.report import Reporter
    from train.states.image_losses import ImageLosses
    from train.step import Taken


class _Waiting(NamedTuple):
    batch: ReadyBatch
    taken: Taken
    rates: Mapping[str, float]
    began: float


class StepLog:
    """Reports steps. Whoever leaves something of a step on the disk calls `flush` first: no bad number passes it."""

    def __init__(self, reporter: Reporter, image_losses: ImageLosses | None = None) -> None:
        self._reporter = reporter
        self._image_losses = image_losses
        self._waiting: deque[_Waiting] = deque()
        self._last_arrival = 0.0
        self._spill = SpillWatch(reporter)

    def add(self, batch: ReadyBatch, taken: Taken, rates: Mapping[str, float], began: float) -> None:
        """A step that `began` when its images were waited for; the numbers of the one before are waited for.

        Raises:
            NotFiniteError: the loss or the gradient of a step is no finite number, and its weights moved.
        """
        self._waiting.append(_Waiting(batch, taken, rates, began))
        while len(self._waiting) > 1 or (self._waiting and self._waiting[0].taken.is_here):
            self._report(self._waiting.popleft())

    def flush(self) -> None:
        """Report every step there was; raises as `add`."""
        while self._waiting:
            self._report(self._waiting.popleft())

    def _report(self, step: _Waiting) -> None:
        batch, outcome = step.batch, step.taken.outcome()
        arrived = time.perf_counter()
        seconds = arrived - max(step.began, self._last_arrival)
        self._last_arrival = arrived
        self._spill.look(batch.step + 1)
        if self._image_losses is not None:
            timesteps = [each for part in batch.micro_batches for each in part.timesteps.tolist()]
            self._image_losses.add(batch.step + 1, batch.rows, timesteps, outcome.image_losses)
        self._reporter.step(
            StepDone(
                at=time.time(),
                step=batch.step + 1,
                epoch=batch.epoch + 1,
                loss=outcome.loss,
                lr=dict(step.rates),
                grad_norm=outcome.grad_norm,
                images=batch.total,
                seconds=seconds,
                memory_bytes=memory_bytes(),
                reg_loss=outcome.reg_loss,
            )
        )
