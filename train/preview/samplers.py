"""Samplers by name: diffusers' schedulers, one table row each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import diffusers
import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from torch import Tensor

from curator.contract.errors import UserError, did_you_mean
from curator.contract.prompts.sampler_names import ALSO_CALLED, SAMPLER_NAMES

_NOISE_KEYS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)
_LEAST_SIGNAL = (
    2**-24
)  # of the last timestep, as diffusers' own Euler has it: the noise there stays a finite number


class _Sampler(NamedTuple):
    scheduler: type[Any]
    settings: Mapping[str, Any] = {}


_SAMPLERS = {
    "ddim": _Sampler(diffusers.DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}),
    "pndm": _Sampler(diffusers.PNDMScheduler, {"skip_prk_steps": True}),
    "lms": _Sampler(diffusers.LMSDiscreteScheduler),
    "euler": _Sampler(diffusers.EulerDiscreteScheduler),
    "euler_a": _Sampler(diffusers.EulerAncestralDiscreteScheduler),
    "heun": _Sampler(diffusers.HeunDiscreteScheduler),
    "dpm_2": _Sampler(diffusers.KDPM2DiscreteScheduler),
    "dpm_2_a": _Sampler(diffusers.KDPM2AncestralDiscreteScheduler),
    "dpmsolver": _Sampler(
        diffusers.DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
    ),
    "dpmsolver++": _Sampler(diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
    "dpmsingle": _Sampler(diffusers.DPMSolverSinglestepScheduler, {"lower_order_final": True}),
}


def make_sampler(name: str, model_config: Mapping[str, Any]) -> Any:
    """A scheduler with the model's own noise schedule.

    Raises:
        UserError: no sampler has that name.
    """
    if name not in SAMPLER_NAMES:
        raise UserError(f"no sampler is called '{name}'", did_you_mean(name, SAMPLER_NAMES))
    row = _SAMPLERS[ALSO_CALLED.get(name, name)]
    config = {wanted: model_config[wanted] for wanted in _NOISE_KEYS if model_config.get(wanted) is not None}
    taken = inspect.signature(row.scheduler.__init__).parameters
    if "rescale_betas_zero_snr" not in taken and config.pop("rescale_betas_zero_snr", False):
        config["trained_betas"] = _betas_to_zero_signal(config)
    if "steps_offset" in taken:
        config["steps_offset"] = 1
    return row.scheduler(**config, **row.settings)


def _betas_to_zero_signal(config: Mapping[str, Any]) -> list[float]:
    """The model's betas, rescaled so that next to no signal is left at the end, for schedulers that cannot do it."""
    rescaled = rescale_zero_terminal_snr(diffusers.DDIMScheduler(**config).betas)
    kept = torch.cumprod(1 - rescaled.double(), 0)
    return [*rescaled[:-1].tolist(), float(1 - _LEAST_SIGNAL / kept[-2])]


def advance(
    scheduler: Any, predicted: Tensor, timestep: Tensor, latents: Tensor, generator: torch.Generator
) -> Tensor:
    """One step; `generator` is the image's own, for samplers that add noise."""
    random = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    return scheduler.step(predicted, timestep, latents, **random).prev_sample
