"""One optimiser step: the gradient of the mean loss over the effective batch, then one update.

The batch is cut into shares of the processes and these into micro-batches; each sample's loss is divided by the
count of the whole batch, so neither cut changes the gradient, also when a batch is short (rows S057, B11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from curator.contract.keyed import Purpose, key
from train.adapters.dropout import drawn_for
from train.data.latents import moments_of, rounded_by
from train.objective.loss import errors_of, mean_errors, target_of
from train.objective.noise import noise_of, perturbed
from train.objective.noise_schedule import add_noise
from train.objective.weights import weights_of
from train.survival.bad_steps import BadStep, NotFiniteError
from train.survival.room import Room

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.data.micro_batch import MicroBatch, ReadyBatch
    from train.families.clip_text import Tokens
    from train.families.family import Family
    from train.precision.arithmetic import Arithmetic
    from train.precision.update import Update
    from train.processes.exchange import Exchange
    from train.processes.spread_model import SpreadSteps
    from train.trained.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """What one step came to. `grad_norm` is before clipping; `reg_loss` is None without regularisation images.

    `image_losses` are of this process's samples, with no weight but a mask's.
    """

    loss: float
    grad_norm: float
    reg_loss: float | None = None
    image_losses: tuple[float, ...] = ()


class Taken:
    """A step that was taken. Its numbers may still be on their way from the device: nothing waits until they are read.

    `losses` are of this process's samples, [2, n]: weighted, and as they are; `sums` are loss, loss of regularisation
    images and their count, over the samples of all processes. `overflowed_at` is the loss scale at which the gradients
    overflow fp16: then no weight was moved. `bad` is a step whose numbers are none, known before they moved a weight,
    and so none was.
    """

    def __init__(self, batch: ReadyBatch, losses: Tensor, sums: Tensor, norm: Tensor) -> None:
        self._batch = batch
        self._losses = losses[0]
        self.overflowed_at: float | None = None
        self.bad: BadStep | None = None
        numbers = torch.cat([sums, norm[None].to(sums), losses[1].to(sums)])
        self._numbers = numbers.to("cpu", non_blocking=True)
        self._arrival = torch.cuda.Event() if losses.is_cuda else None
        if self._arrival is not None:
            self._arrival.record()

    @property
    def is_here(self) -> bool:
        """Whether the numbers have arrived."""
        return self._arrival is None or self._arrival.query()

    def outcome(self) -> Outcome:
        """The numbers, waited for.

        Raises:
            NotFiniteError: the loss or the gradient is no finite number, and weights have moved.
        """
        total, reg, reg_count, norm, *images = self._arrived()
        if not self.is_finite(norm_may_overflow=self.overflowed_at is not None):
            raise NotFiniteError(self.not_finite())
        return Outcome(total / self._batch.total, norm, reg / reg_count if reg_count else None, tuple(images))

    def is_finite(self, *, norm_may_overflow: bool) -> bool:
        """Whether loss and gradient are numbers, waited for."""
        total, _, _, norm, *_ = self._arrived()
        return math.isfinite(total) and (norm_may_overflow or math.isfinite(norm))

    def _arrived(self) -> list[float]:
        if self._arrival is not None:
            self._arrival.synchronize()
        return self._numbers.tolist()

    def not_finite(self) -> BadStep:
        """Bad numbers are never hidden: the images that gave them are named, or all where it was the gradient."""
        batch = self._batch
        bad = [at for at, loss in enumerate(self._losses.tolist()) if not math.isfinite(loss)]
        names = [batch.names[at] for at in bad] or batch.names
        return BadStep(batch.step, tuple(batch.rows[at] for at in bad), tuple(names))


@dataclass(frozen=True)
class Stepper:
    """Takes steps. Holds no memory but the weights and the optimiser's own. `exchange` is None of one process alone."""

    family: Family
    trained: Trained
    update: Update
    accelerator: Accelerator
    arithmetic: Arithmetic
    recipe: Recipe
    exchange: Exchange | SpreadSteps | None = None
    room: Room = field(default_factory=Room)

    def take(self, batch: ReadyBatch) -> Taken:
        """One step on `batch`, with the rates the optimiser holds; nothing is read back, but for the scale of fp16."""
        taken = self.gradients(batch)
        taken.bad = self._bad(taken)
        if taken.bad is not None:
            self.update.leave()
            return taken
        taken.overflowed_at = self.update.move()
        if taken.overflowed_at is None:
            self.trained.stepped()
        return taken

    def _bad(self, taken: Taken) -> BadStep | None:
        """A step to leave out, where it is known by now without a wait; several processes have waited for each other.

        Raises:
            NotFiniteError: it is one, and the weights have moved already.
        """
        several = self.accelerator.num_processes > 1
        if not (taken.is_here or several) or taken.is_finite(norm_may_overflow=self.update.scales):
            return None
        bad = taken.not_finite()
        if several:
            parts = [BadStep(**each) for each in gather_object([vars(bad)])]
            rows = tuple(row for part in parts for row in part.rows)
            found = [part for part in parts if part.rows] or parts
            bad = BadStep(bad.step, rows, tuple(name for part in found for name in part.images))
        if not self.update.can_begin_again:
            raise NotFiniteError(bad)
        return bad

    def _can_begin_again(self) -> bool:
        """Whether nothing of the step is done that cannot be taken back: moved weights, gradients sent to others."""
        return self.update.can_begin_again and not (self.exchange and self.exchange.has_sent)

    def gradients(self, batch: ReadyBatch) -> Taken:
        """Leave the gradient of the mean loss over the whole batch in the weights, clipped."""
        device = self.accelerator.device

        def begin() -> None:
            self.update.begin(batch.step)
            if self.exchange:
                self.exchange.begin()

        def work(parts: Sequence[MicroBatch]) -> list[Tensor]:
            begin()
            along = self.exchange.going_along(parts) if self.exchange else ()
            found = [self._backward(part, batch, is_last=part is parts[-1]) for part in parts]
            for part in along:
                self._backward(part, batch, counts=0.0)
            return found

        losses = self.room.fitted(batch, work, self._can_begin_again)
        both = torch.cat(losses, dim=1) if losses else torch.zeros(2, 0, device=device)
        mine = both[0]
        is_reg = batch.is_reg.to(device, non_blocking=True)
        reg = torch.where(is_reg, mine, 0.0)  # picking them out would wait for the device
        sums = torch.stack([mine.sum(), reg.sum(), is_reg.sum().to(mine)])
        if self.exchange:
            sums = self.exchange.finish(sums)
        return Taken(batch, both, sums, self.update.cut())

    def _backward(
        self, part: MicroBatch, batch: ReadyBatch, *, is_last: bool = False, counts: float = 1.0
    ) -> Tensor:
        """What a module draws of its own is drawn alike for all micro-batches of a step, in all processes."""
        torch.manual_seed(key(self.recipe.seed, Purpose.DROPOUT, batch.step))
        part = part.sent_to(self.accelerator.device)
        with drawn_for(part.keys):
            losses = self.losses(part)
            if self.exchange and is_last:
                self.exchange.last_pass()
            self.update.backward(counts * losses[0].sum() / batch.total)
        return losses.detach()

    def losses(self, part: MicroBatch) -> Tensor:
        """The loss of each sample, [2, n]: weighted, and as it is; `part` lies on the device."""
        family, objective = self.family, self.recipe.objective
        latents = family.latents(
            moments_of(family, part.inputs, rounded_by(self.recipe.cache)), part.posterior
        )
        noise = noise_of(part.noise, latents, objective)
        noisy = add_noise(latents, perturbed(noise, part.noise), part.alphas)
        predicted = self._predict(noisy, part.timesteps, part.tokens)
        prediction = family.facts.prediction
        target = target_of(prediction, latents, noise, part.alphas)
        progress = part.timesteps / len(family.alphas_cumprod)
        errors = errors_of(predicted, target, objective, part.alphas, progress)
        losses = mean_errors(errors, part.inputs.mask, objective.mask_floor)
        weighted = losses * part.weights * weights_of(part.alphas, objective, prediction)
        return torch.stack([weighted, losses.detach()])

    def _predict(self, noisy: Tensor, timesteps: Tensor, tokens: Tokens) -> Tensor:
        with self.arithmetic.autocast():
            with torch.set_grad_enabled(self.trained.trains_text):
                conditioning = self.family.encode(tokens)
            return self.family.predict(noisy, timesteps, conditioning)
