"""Micro-batches: what a step needs of its samples and no model computes, made ready on the CPU.

All of it is a function of the samples and the recipe, so a thread may make it at any time before the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from accelerate.utils import recursively_apply, send_to_device
from torch import Tensor

from train.adapters.dropout import sample_keys
from train.objective.noise import NoiseDraws, draw_noise, posterior_noise
from train.objective.timesteps import sample_timesteps

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.data.batches import Batch, Item
    from train.data.latents import Inputs, Latents
    from train.families.clip_text import Tokens
    from train.families.family import Family

T = TypeVar("T")


class MicroBatch(NamedTuple):
    """n samples that go through the model at once."""

    tokens: Tokens
    inputs: Inputs
    posterior: Tensor  # [n, c, h/8, w/8]: the draw from the VAE's moments
    noise: NoiseDraws
    timesteps: Tensor  # [n]
    alphas: Tensor  # [n]: alphas_cumprod at the timesteps
    weights: Tensor  # [n]: what each sample's loss counts
    keys: Tensor  # [n, 2]: what is drawn by within the model

    def sent_to(self, device: torch.device) -> MicroBatch:
        """The same on `device`; a copy from pinned memory is not waited for."""
        return MicroBatch(*send_to_device(tuple(self), device, non_blocking=True))


@dataclass(frozen=True)
class ReadyBatch:
    """This process's share of the batch of one step, in micro-batches; `total` counts the samples of all processes.

    `rows` are the manifest's, of the images shown, as `names` has them. `cut` makes micro-batches of at most so many
    samples.
    """

    step: int
    epoch: int
    total: int
    names: tuple[str, ...]
    is_reg: Tensor  # [samples of this process], bool
    micro_batches: tuple[MicroBatch, ...]
    rows: tuple[int, ...] = ()
    cut: Callable[[int], tuple[MicroBatch, ...]] = lambda _most: ()


class Preparation:
    """Makes batches ready. Safe to use in any one thread beside the one that trains."""

    def __init__(self, family: Family, latents: Latents, recipe: Recipe, *, pinned: bool) -> None:
        self._family = family
        self._latents = latents
        self._recipe = recipe
        self._pinned = pinned

    def ready(self, batch: Batch) -> ReadyBatch:
        """All draws made, all captions in tokens."""
        items = batch.items
        return ReadyBatch(
            step=batch.step,
            epoch=batch.epoch,
            total=batch.total,
            names=tuple(item.name for item in items),
            is_reg=self._kept(torch.tensor([item.is_reg for item in items], dtype=torch.bool)),
            micro_batches=self._cut(items, self._recipe.batch.size),
            rows=tuple(item.shown.row for item in items),
            cut=partial(self._cut, items),
        )

    def _cut(self, items: Sequence[Item], most: int) -> tuple[MicroBatch, ...]:
        parts = (items[at : at + most] for at in range(0, len(items), most))
        return tuple(self._kept(self._micro_batch(part)) for part in parts)

    def _micro_batch(self, items: Sequence[Item]) -> MicroBatch:
        family, seed, objective = self._family, self._recipe.seed, self._recipe.objective
        samples = [item.sample for item in items]
        inputs = self._latents.of(items)
        alphas = family.alphas_cumprod
        timesteps = sample_timesteps(samples, len(alphas), seed, objective.timesteps)
        tokens = family.tokens([item.caption for item in items], [item.framing for item in items])
        return MicroBatch(
            tokens=tokens._replace(recur=tuple(item.recurs for item in items)),
            inputs=inputs,
            posterior=posterior_noise(samples, inputs.shape, seed),
            noise=draw_noise(samples, inputs.shape, seed, objective),
            timesteps=timesteps,
            alphas=alphas[timesteps],
            weights=self._weights(items),
            keys=sample_keys(samples, seed),
        )

    def _weights(self, items: Sequence[Item]) -> Tensor:
        """What each image counts, by its subset; regularisation images also by the recipe."""
        prior = self._recipe.objective.prior_weight
        return torch.tensor([item.loss_weight * (prior if item.is_reg else 1.0) for item in items])

    def _kept(self, made: T) -> T:
        """In memory that a GPU copies from by itself, where there is one."""
        return recursively_apply(torch.Tensor.pin_memory, made) if self._pinned else made
