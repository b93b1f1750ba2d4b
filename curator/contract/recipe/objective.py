"""The objective of a recipe: the loss and its weights, the noise that is added, the timesteps it is measured at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from curator.contract.recipe.knobs import CHOSEN, choice, chosen_by, knob


@dataclass(frozen=True)
class Huber:
    """Where the Huber losses turn from squared to linear."""

    schedule: Literal["snr", "exponential", "constant"] = knob(
        "snr",
        "how the turn changes with the timestep: by signal-to-noise ratio from 1 to c, exponentially, or not",
        choices=("snr", "exponential", "constant"),
    )
    c: float = knob(0.1, "error at which the loss turns linear, at the last timestep", low=1e-6, high=1.0)
    scale: float = knob(1.0, "c is multiplied with it; not with the schedule 'snr'", low=1e-6)


@dataclass(frozen=True)
class LogitNormal:
    """Timesteps around a middle one (Esser 2024)."""

    mean: float = knob(
        0.0, "0: most of the middle timesteps; above 0 more of the late, noisy ones", low=-10.0, high=10.0
    )
    deviation: float = knob(1.0, "spread; small: only those around the middle", low=1e-3, high=10.0)


@dataclass(frozen=True)
class Timesteps:
    """Which timesteps are trained, and how often each."""

    sampling: str = choice(
        "uniform",
        "how they are drawn: all alike, around a middle one, or more of the late, noisy ones (1 - u^3)",
        ("uniform", "logit_normal", "cubic"),
    )
    start: int = knob(0, "the first one that is trained", unit="timesteps", low=0, high=999)
    end: int = knob(1000, "those below it are trained; 1000: all", unit="timesteps", low=1, high=1000)
    logit_normal: LogitNormal = field(default_factory=LogitNormal, metadata=CHOSEN)


@dataclass(frozen=True)
class Objective:
    """What is minimised."""

    loss: str = choice(
        "l2",
        "what an error costs: its square, its size, or Huber's: squared when small, then linear",
        ("l2", "l1", "huber", "smooth_l1"),
    )
    min_snr_gamma: float = knob(0.0, "min-SNR weighting (Hang 2023), usually 5; 0: off", low=0.0)
    debiased: bool = knob(
        False, "weight by 1 / sqrt(SNR), or 1 / (SNR + 1) where the model predicts v (debiased estimation)"
    )
    scale_v_like_noise: bool = knob(
        False, "weight the loss of a v-prediction model by SNR / (SNR + 1), as if noise were predicted"
    )
    v_like_loss: float = knob(
        0.0,
        "weight the loss of a noise-prediction model by 1 + this x (SNR + 1) / SNR, as if v were; 0: off",
        low=0.0,
    )
    prior_weight: float = knob(
        1.0,
        "the loss of regularisation images is multiplied with it, beside their subset's loss weight",
        low=0.0,
    )
    noise_offset: float = knob(
        0.0, "noise common to a whole channel, usually 0.03-0.1; 0: off", low=0.0, high=1.0
    )
    noise_offset_random: bool = knob(
        False, "the offset of each sample is drawn between 0 and objective.noise_offset"
    )
    adaptive_noise_scale: float = knob(
        0.0,
        "added to the noise offset, times the size of a channel's mean, never below 0 in all; 0: off",
        low=-10.0,
        high=10.0,
    )
    multires_noise_levels: int = knob(
        0, "levels of ever coarser noise that are added, usually 6-10; 0: off", low=0, high=64
    )
    multires_noise_discount: float = knob(
        0.3, "strength of each of these levels beside the one before", low=0.0, high=1.0
    )
    ip_noise_gamma: float = knob(
        0.0,
        "more noise in what the model sees than in what it shall say, usually 0.1 (input perturbation); 0: off",
        low=0.0,
        high=1.0,
    )
    ip_noise_random: bool = knob(
        False, "its strength for each sample is drawn between 0 and objective.ip_noise_gamma"
    )
    mask_floor: float = knob(
        0.0, "the least a place counts in the loss where a subset has masks; 0: nothing", low=0.0, high=1.0
    )
    huber: Huber = field(default_factory=Huber, metadata=chosen_by("huber", "smooth_l1"))
    timesteps: Timesteps = field(default_factory=Timesteps)
