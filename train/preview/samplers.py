"""Samplers by name: diffusers' schedulers, one table row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
)

from curator.contract.errors import UserError, did_you_mean

_NOISE_KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)

SAMPLERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "ddim": lambda config: DDIMScheduler(**config, clip_sample=False, set_alpha_to_one=False, steps_offset=1),
    "euler": lambda config: EulerDiscreteScheduler(**config, steps_offset=1),
    "euler_a": lambda config: EulerAncestralDiscreteScheduler(**config, steps_offset=1),
    "dpmpp_2m": lambda config: DPMSolverMultistepScheduler(**config, steps_offset=1),
}


def make_sampler(name: str, model_config: Mapping[str, Any]) -> Any:
    """A scheduler with the model's own noise schedule."""
    if name not in SAMPLERS:
        raise UserError(f"no sampler is called '{name}'", did_you_mean(name, SAMPLERS))
    config = {wanted: model_config[wanted] for wanted in _NOISE_KEYS if model_config.get(wanted) is not None}
    return SAMPLERS[name](config)
