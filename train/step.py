"""One optimiser step: the gradient of the mean loss over the effective batch, then one update.

The batch is cut into shares of the processes and these into micro-batches; each sample's loss is divided by the
count of the whole batch, so neither cut changes the gradient, also when a batch is short (rows S057, B11).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, key
from curator.contract.text import visible
from train.device import sum_gradients
from train.objective.loss import errors_of, mean_errors, target_of
from train.objective.noise import perturbed_noise, posterior_noise, sample_noise
from train.objective.noise_schedule import add_noise
from train.objective.timesteps import sample_timesteps
from train.objective.weights import weights_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.data.batches import Batch, Item
    from train.data.latents import Latents
    from train.families.family import Family
    from train.precision.arithmetic import Arithmetic
    from train.precision.update import Update
    from train.trained.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """What one step came to. `grad_norm` is before clipping; `reg_loss` is None without regularisation images.

    `overflowed_at` is the loss scale at which the gradients overflow fp16: then no weight was moved.
    """

    loss: float
    grad_norm: float
    reg_loss: float | None = None
    overflowed_at: float | None = None


@dataclass(frozen=True)
class Losses:
    """The mean loss of a whole batch, as it is weighted, and that of its regularisation images alone."""

    mean: float
    reg: float | None = None


@dataclass(frozen=True)
class Stepper:
    """Takes steps. Holds no memory but the weights and the optimiser's own."""

    family: Family
    trained: Trained
    update: Update
    latents: Latents
    accelerator: Accelerator
    arithmetic: Arithmetic
    recipe: Recipe

    def take(self, batch: Batch) -> Outcome:
        """One step on `batch`, with the rates the optimiser holds.

        Raises:
            UserError: the loss or the gradient is no finite number.
        """
        self.update.begin(batch.step)
        losses = self.gradients(batch)
        moved = self.update.finish()
        if moved.overflowed_at is None:
            if not math.isfinite(moved.norm):
                raise self._not_finite(batch, torch.zeros(0))
            self.trained.stepped()
        return Outcome(losses.mean, moved.norm, losses.reg, moved.overflowed_at)

    def gradients(self, batch: Batch) -> Losses:
        """Leave the gradient of the mean loss over the whole batch in the weights; the losses."""
        rank = self.accelerator.process_index
        torch.manual_seed(
            key(self.recipe.seed, Purpose.DROPOUT, batch.step, rank)
        )  # dropout forgets the past
        losses = [self._backward(items, batch.total) for items in self._micro_batches(batch)]
        mine = torch.cat(losses) if losses else torch.zeros(0)
        regs = torch.tensor([item.is_reg for item in batch.items], dtype=torch.bool, device=mine.device)
        sums = torch.stack([mine.sum(), mine[regs].sum(), regs.sum().to(mine)])
        total, reg, reg_count = sum_gradients(self.accelerator, self.trained.weights, sums).tolist()
        if not math.isfinite(total):
            raise self._not_finite(batch, mine)
        return Losses(total / batch.total, reg / reg_count if reg_count else None)

    def _micro_batches(self, batch: Batch) -> Iterator[Sequence[Item]]:
        size = self.recipe.batch.size
        return (batch.items[at : at + size] for at in range(0, len(batch.items), size))

    def _backward(self, items: Sequence[Item], total: int) -> Tensor:
        losses = self.losses(items)
        self.update.backward(losses.sum() / total)
        return losses.detach()

    def losses(self, items: Sequence[Item]) -> Tensor:
        """The weighted loss of each sample."""
        seed, objective = self.recipe.seed, self.recipe.objective
        device, family = self.accelerator.device, self.family
        samples = [item.sample for item in items]
        moments, mask = self.latents.of(items)
        shape = moments.mean.shape[1:]
        drawn = family.latents(moments, posterior_noise(samples, shape, seed))
        noise = sample_noise(samples, drawn, seed, objective)
        seen = perturbed_noise(samples, noise, seed, objective).to(device)
        latents, noise = drawn.to(device), noise.to(device)
        count = len(family.alphas_cumprod)
        timesteps = sample_timesteps(samples, count, seed, objective.timesteps)
        alphas = family.alphas_cumprod[timesteps].to(device)
        timesteps = timesteps.to(device)
        predicted = self._predict(add_noise(latents, seen, alphas), timesteps, items)
        prediction = family.facts.prediction
        target = target_of(prediction, latents, noise, alphas)
        where = None if mask is None else mask.to(device)
        errors = errors_of(predicted, target, objective, alphas, timesteps / count)
        losses = mean_errors(errors, where, objective.mask_floor)
        return losses * self._item_weights(items).to(device) * weights_of(alphas, objective, prediction)

    def _item_weights(self, items: Sequence[Item]) -> Tensor:
        """What each image counts, by its subset; regularisation images also by the recipe."""
        prior = self.recipe.objective.prior_weight
        return torch.tensor([item.loss_weight * (prior if item.is_reg else 1.0) for item in items])

    def _predict(self, noisy: Tensor, timesteps: Tensor, items: Sequence[Item]) -> Tensor:
        with self.arithmetic.autocast():
            with torch.set_grad_enabled(self.trained.trains_text):
                conditioning = self.family.condition(
                    [item.caption for item in items], [item.framing for item in items]
                )
            return self.family.predict(noisy, timesteps, conditioning)

    def _not_finite(self, batch: Batch, losses: Tensor) -> UserError:
        """Bad numbers are never hidden: the images that gave them are named."""
        bad = [
            item.name
            for item, loss in zip(batch.items, losses.tolist(), strict=False)
            if not math.isfinite(loss)
        ]
        names = ", ".join(visible(name) for name in bad or [item.name for item in batch.items])
        return UserError(
            f"the loss is NaN at step {batch.step + 1}, with {names}",
            "lower the learning rates or set precision.mixed = 'fp32'; resume goes on from the last saved state",
        )
