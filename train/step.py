"""One optimiser step: the gradient of the mean loss over the effective batch, then one update.

The batch is cut into shares of the processes and these into micro-batches; each sample's loss is divided by the
count of the whole batch, so neither cut changes the gradient, also when a batch is short (rows S057, B11).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, key
from curator.contract.recipe.recipe import Recipe
from curator.contract.text import visible
from train.data.batches import Batch, Item
from train.data.latents import Latents
from train.device import sum_gradients
from train.families.family import Family
from train.objective.loss import min_snr_weights, sample_losses, target_of
from train.objective.noise import posterior_noise, sample_noise, sample_timesteps
from train.objective.noise_schedule import add_noise
from train.trained.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """What one step came to. `grad_norm` is before clipping; `reg_loss` is None without regularisation images."""

    loss: float
    grad_norm: float
    reg_loss: float | None = None


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
    optimizer: torch.optim.Optimizer
    latents: Latents
    accelerator: Accelerator
    recipe: Recipe

    def take(self, batch: Batch) -> Outcome:
        """One step on `batch`, with the rates the optimiser holds.

        Raises:
            UserError: the loss or the gradient is no finite number.
        """
        self.optimizer.zero_grad(set_to_none=True)
        losses = self.gradients(batch)
        norm = self._clip(batch)
        self.optimizer.step()
        self.trained.stepped()
        return Outcome(losses.mean, norm, losses.reg)

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
        self.accelerator.backward(losses.sum() / total)
        return losses.detach()

    def losses(self, items: Sequence[Item]) -> Tensor:
        """The weighted loss of each sample."""
        recipe, device, family = self.recipe, self.accelerator.device, self.family
        samples = [item.sample for item in items]
        moments, mask = self.latents.of(items)
        shape = moments.mean.shape[1:]
        drawn = family.latents(moments, posterior_noise(samples, shape, recipe.seed))
        noise = sample_noise(samples, drawn, recipe.seed, recipe.objective).to(device)
        latents = drawn.to(device)
        timesteps = sample_timesteps(samples, len(family.alphas_cumprod), recipe.seed)
        alphas = family.alphas_cumprod[timesteps].to(device)
        predicted = self._predict(add_noise(latents, noise, alphas), timesteps.to(device), items)
        prediction = family.facts.prediction
        target = target_of(prediction, latents, noise, alphas)
        where = None if mask is None else mask.to(device)
        losses = sample_losses(predicted, target, where, recipe.objective.mask_floor)
        weights = torch.tensor([item.loss_weight for item in items], device=device)
        return losses * weights * min_snr_weights(alphas, recipe.objective.min_snr_gamma, prediction)

    def _predict(self, noisy: Tensor, timesteps: Tensor, items: Sequence[Item]) -> Tensor:
        with self.accelerator.autocast():
            with torch.set_grad_enabled(self.trained.trains_text):
                conditioning = self.family.condition(
                    [item.caption for item in items], [item.framing for item in items]
                )
            return self.family.predict(noisy, timesteps, conditioning)

    def _clip(self, batch: Batch) -> float:
        limit = self.recipe.optimizer.max_grad_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.trained.weights, limit))
        if not math.isfinite(norm):
            raise self._not_finite(batch, torch.zeros(0))
        return norm

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
