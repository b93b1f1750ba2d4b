"""Weights of samples by their signal-to-noise ratio (SNR), each a pure function of alphas_cumprod; 1 where it is off.

At zero terminal SNR all of them are finite. Formulas are kohya-ss/sd-scripts'.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from curator.contract.base_model.prediction import Prediction
    from curator.contract.recipe.objective import Objective

# The SNR of the last timestep of Stable Diffusion's own schedule: where a weight grows without end as the signal
# goes, it grows no further than there.
LEAST_SNR = 0.0047
_MOST_SNR = 1000.0


def snr_of(alphas: Tensor) -> Tensor:
    """Signal-to-noise ratio of each sample's timestep."""
    return alphas / (1.0 - alphas)


def min_snr(alphas: Tensor, objective: Objective, prediction: Prediction) -> Tensor:
    """min(snr, gamma) / snr for epsilon, / (snr + 1) for v (S055); epsilon's at no signal is its limit, 1."""
    gamma = objective.min_snr_gamma
    if gamma <= 0:
        return torch.ones_like(alphas)
    snr = snr_of(alphas)
    capped = snr.clamp(max=gamma)
    if prediction == "v_prediction":
        return capped / (snr + 1.0)
    return torch.where(snr > 0, capped / snr.clamp(min=torch.finfo(snr.dtype).tiny), torch.ones_like(snr))


def debiased(alphas: Tensor, objective: Objective, prediction: Prediction) -> Tensor:
    """1 / sqrt(snr) for epsilon, 1 / (snr + 1) for v."""
    if not objective.debiased:
        return torch.ones_like(alphas)
    snr = snr_of(alphas).clamp(max=_MOST_SNR)
    return 1.0 / (snr + 1.0) if prediction == "v_prediction" else snr.clamp(min=LEAST_SNR).rsqrt()


def v_like_noise(alphas: Tensor, objective: Objective, prediction: Prediction) -> Tensor:
    """snr / (snr + 1), for v alone."""
    if not objective.scale_v_like_noise or prediction != "v_prediction":
        return torch.ones_like(alphas)
    snr = snr_of(alphas).clamp(max=_MOST_SNR)
    return snr / (snr + 1.0)


def noise_like_v(alphas: Tensor, objective: Objective, prediction: Prediction) -> Tensor:
    """1 + share x (snr + 1) / snr, for epsilon alone."""
    if not objective.v_like_loss or prediction != "epsilon":
        return torch.ones_like(alphas)
    snr = snr_of(alphas).clamp(LEAST_SNR, _MOST_SNR)
    return 1.0 + objective.v_like_loss * (snr + 1.0) / snr


WEIGHTS: tuple[Callable[[Tensor, Objective, Prediction], Tensor], ...] = (
    min_snr,
    v_like_noise,
    noise_like_v,
    debiased,
)


def weights_of(alphas: Tensor, objective: Objective, prediction: Prediction) -> Tensor:
    """What each sample's loss is multiplied with; `alphas` [n] is alphas_cumprod at its timestep."""
    return prod((weigh(alphas, objective, prediction) for weigh in WEIGHTS), start=torch.ones_like(alphas))
