"""One optimiser step: the gradient of the mean loss over the effective batch, then one update.

The batch is cut into shares of the processes and these into micro-batches; each sample's loss is divided by the
count of the whole batch, so neither cut changes the gradient, also when a batch is short (rows S057, B11).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, key
from train.data.latents import moments_of
from train.device import sum_gradients
from train.objective.loss import errors_of, mean_errors, target_of
from train.objective.noise import noise_of, perturbed
from train.objective.noise_schedule import add_noise
from train.objective.weights import weights_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.data.micro_batch import MicroBatch, ReadyBatch
    from train.families.clip_text import Tokens
    from train.families.family import Family
    from train.trained.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """What one step came to. `grad_norm` is before clipping; `reg_loss` is None without regularisation images."""

    loss: float
    grad_norm: float
    reg_loss: float | None = None


class Taken:
    """A step that was taken. Its numbers may still be on their way from the device: nothing waits until they are read.

    `losses` are of this process's samples; `sums` are loss, loss of regularisation images and their count, over the
    samples of all processes.
    """

    def __init__(self, batch: ReadyBatch, losses: Tensor, sums: Tensor, norm: Tensor) -> None:
        self._batch = batch
        self._losses = losses
        self._numbers = torch.cat([sums, norm[None].to(sums)]).to("cpu", non_blocking=True)
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
            UserError: the loss or the gradient is no finite number.
        """
        if self._arrival is not None:
            self._arrival.synchronize()
        total, reg, reg_count, norm = self._numbers.tolist()
        if not math.isfinite(total) or not math.isfinite(norm):
            raise self._not_finite()
        return Outcome(total / self._batch.total, norm, reg / reg_count if reg_count else None)

    def _not_finite(self) -> UserError:
        """Bad numbers are never hidden: the images that gave them are named."""
        names = self._batch.names
        bad = [
            name for name, loss in zip(names, self._losses.tolist(), strict=True) if not math.isfinite(loss)
        ]
        return UserError(
            f"the loss is NaN at step {self._batch.step + 1}, with {', '.join(bad or names)}",
            "lower the learning rates or set precision.mixed = 'fp32'; resume goes on from the last saved state",
        )


@dataclass(frozen=True)
class Stepper:
    """Takes steps. Holds no memory but the weights and the optimiser's own."""

    family: Family
    trained: Trained
    optimizer: torch.optim.Optimizer
    accelerator: Accelerator
    recipe: Recipe

    def take(self, batch: ReadyBatch) -> Taken:
        """One step on `batch`, with the rates the optimiser holds; nothing is read back from the device."""
        self.optimizer.zero_grad(set_to_none=True)
        taken = self.gradients(batch)
        if any(group["lr"] for group in self.optimizer.param_groups):  # some divide by it
            self.optimizer.step()
        self.trained.stepped()
        return taken

    def gradients(self, batch: ReadyBatch) -> Taken:
        """Leave the gradient of the mean loss over the whole batch in the weights, clipped."""
        rank, device = self.accelerator.process_index, self.accelerator.device
        torch.manual_seed(
            key(self.recipe.seed, Purpose.DROPOUT, batch.step, rank)
        )  # dropout forgets the past
        losses = [self._backward(part, batch.total) for part in batch.micro_batches]
        mine = torch.cat(losses) if losses else torch.zeros(0, device=device)
        is_reg = batch.is_reg.to(device, non_blocking=True)
        reg = torch.where(is_reg, mine, 0.0)  # picking them out would wait for the device
        sums = torch.stack([mine.sum(), reg.sum(), is_reg.sum().to(mine)])
        sums = sum_gradients(self.accelerator, self.trained.weights, sums)
        return Taken(batch, mine, sums, self._clip())

    def _backward(self, part: MicroBatch, total: int) -> Tensor:
        losses = self.losses(part)
        self.accelerator.backward(losses.sum() / total)
        return losses.detach()

    def losses(self, part: MicroBatch) -> Tensor:
        """The weighted loss of each sample."""
        family, objective = self.family, self.recipe.objective
        part = part.sent_to(self.accelerator.device)
        latents = family.latents(moments_of(family, part.inputs), part.posterior)
        noise = noise_of(part.noise, latents, objective)
        noisy = add_noise(latents, perturbed(noise, part.noise), part.alphas)
        predicted = self._predict(noisy, part.timesteps, part.tokens)
        prediction = family.facts.prediction
        target = target_of(prediction, latents, noise, part.alphas)
        progress = part.timesteps / len(family.alphas_cumprod)
        errors = errors_of(predicted, target, objective, part.alphas, progress)
        losses = mean_errors(errors, part.inputs.mask, objective.mask_floor)
        return losses * part.weights * weights_of(part.alphas, objective, prediction)

    def _predict(self, noisy: Tensor, timesteps: Tensor, tokens: Tokens) -> Tensor:
        with self.accelerator.autocast():
            with torch.set_grad_enabled(self.trained.trains_text):
                conditioning = self.family.encode(tokens)
            return self.family.predict(noisy, timesteps, conditioning)

    def _clip(self) -> Tensor:
        """The norm of the gradient before it is cut to the recipe's."""
        limit = self.recipe.optimizer.max_grad_norm or math.inf
        return torch.nn.utils.clip_grad_norm_(self.trained.weights, limit)
