"""The loss of a prediction: squared, absolute or Huber's error, weighted by mask."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from train.objective.noise_schedule import velocity

if TYPE_CHECKING:
    from curator.contract.base_model.prediction import Prediction
    from curator.contract.recipe.objective import Huber, Objective


def target_of(prediction: Prediction, latents: Tensor, noise: Tensor, alphas: Tensor) -> Tensor:
    """What the model should have said; `alphas` is alphas_cumprod at each sample's timestep."""
    return noise if prediction == "epsilon" else velocity(latents, noise, alphas)


def _huber(difference: Tensor, turn: Tensor) -> Tensor:
    """2c (sqrt(d^2 + c^2) - c), written so that a small d loses no digits."""
    return turn * _smooth_l1(difference, turn)


def _smooth_l1(difference: Tensor, turn: Tensor) -> Tensor:
    """2 (sqrt(d^2 + c^2) - c)."""
    square = difference.square()
    return 2.0 * square / ((square + turn.square()).sqrt() + turn)


# The cost of each element's error; the second is Huber's c for each sample, [n, 1, 1, 1].
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l2": lambda difference, _: difference.square(),
    "l1": lambda difference, _: difference.abs(),
    "huber": _huber,
    "smooth_l1": _smooth_l1,
}


def _turn_by_snr(knobs: Huber, alphas: Tensor, _progress: Tensor) -> Tensor:
    """(1 - c) / (1 + sigma)^2 + c with sigma = sqrt((1 - a) / a), written so that no signal is no division by zero."""
    return (1.0 - knobs.c) * alphas / (alphas.sqrt() + (1.0 - alphas).sqrt()).square() + knobs.c


# Huber's c at each sample's timestep, of the share of signal left there and of how far it is through all timesteps.
TURNS: dict[str, Callable[[Huber, Tensor, Tensor], Tensor]] = {
    "constant": lambda knobs, _, progress: torch.full_like(progress, knobs.c * knobs.scale),
    "exponential": lambda knobs, _, progress: torch.exp(progress * math.log(knobs.c)) * knobs.scale,
    "snr": _turn_by_snr,
}


def errors_of(
    predicted: Tensor, target: Tensor, objective: Objective, alphas: Tensor, progress: Tensor
) -> Tensor:
    """What each element's error costs, in float32; `progress` is each sample's timestep as a share of all."""
    turn = TURNS[objective.huber.schedule](objective.huber, alphas, progress)
    return LOSSES[objective.loss](predicted.float() - target.float(), turn.view(-1, 1, 1, 1))


def sample_losses(
    predicted: Tensor, target: Tensor, mask: Tensor | None = None, floor: float = 0.0
) -> Tensor:
    """The mean squared error of each sample, which evaluations compare runs by; [n]. `mask` as in `mean_errors`."""
    return mean_errors((predicted.float() - target.float()).square(), mask, floor)


def mean_errors(errors: Tensor, mask: Tensor | None, floor: float) -> Tensor:
    """The mean error of each sample; [n].

    `mask` [n, 1, h, w] multiplies the error, nowhere with less than `floor`; the mean is over all elements all the
    same, so what is masked out makes a loss smaller and the rest of it no heavier.
    """
    if mask is not None:
        errors = errors * mask.clamp(min=floor)
    return errors.mean(dim=(1, 2, 3))
