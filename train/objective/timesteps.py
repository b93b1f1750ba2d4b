"""Timesteps of samples: which are trained and how often, keyed like all draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.keyed import Purpose, uniform

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Sample
    from curator.contract.recipe.objective import Timesteps

_SMALLEST = 2.0**-54  # half of what a draw is rounded to: 0 and 1 have no place on the normal curve


def _logit_normal(share: float, knobs: Timesteps) -> float:
    """The logistic of a normal number (Esser 2024)."""
    rule = knobs.logit_normal
    normal = NormalDist(rule.mean, rule.deviation).inv_cdf(min(max(share, _SMALLEST), 1.0 - _SMALLEST))
    return 1.0 / (1.0 + math.exp(-normal))


# A uniform draw in [0, 1) -> how far through the timesteps that are trained.
SAMPLINGS: dict[str, Callable[[float, Timesteps], float]] = {
    "uniform": lambda share, _: share,
    "logit_normal": _logit_normal,
    "cubic": lambda share, _: 1.0 - share**3,
}


def sample_timesteps(samples: Sequence[Sample], count: int, seed: int, knobs: Timesteps) -> Tensor:
    """A timestep for each sample, of the model's `count` those from `start` to below `end`."""
    end = min(knobs.end, count)
    draw = SAMPLINGS[knobs.sampling]

    def timestep(sample: Sample) -> int:
        share = draw(uniform(seed, *sample, Purpose.TIMESTEP), knobs)
        return min(knobs.start + int(share * (end - knobs.start)), end - 1)

    return torch.tensor([timestep(sample) for sample in samples])
