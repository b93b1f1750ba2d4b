"""The loss: squared error of the prediction, weighted by mask, timestep and subset."""

from __future__ import annotations

import torch
from torch import Tensor

from curator.contract.base_model.prediction import Prediction
from train.objective.noise_schedule import velocity


def target_of(prediction: Prediction, latents: Tensor, noise: Tensor, alphas: Tensor) -> Tensor:
    """What the model should have said; `alphas` is alphas_cumprod at each sample's timestep."""
    return noise if prediction == "epsilon" else velocity(latents, noise, alphas)


def sample_losses(
    predicted: Tensor, target: Tensor, mask: Tensor | None = None, floor: float = 0.0
) -> Tensor:
    """Mean squared error of each sample, in float32; [n].

    `mask` [n, 1, h, w] multiplies the error, nowhere with less than `floor`; the mean is over all elements all the
    same, so what is masked out makes a loss smaller and the rest of it no heavier.
    """
    errors = (predicted.float() - target.float()).square()
    if mask is not None:
        errors = errors * mask.clamp(min=floor)
    return errors.mean(dim=(1, 2, 3))


def min_snr_weights(alphas: Tensor, gamma: float, prediction: Prediction) -> Tensor:
    """Min-SNR weights (S055): min(snr, gamma) / snr for epsilon, / (snr + 1) for v; 1 where gamma is 0.

    At zero signal (the last step of a zero-terminal schedule) snr is 0: epsilon's weight there is its limit, 1.
    """
    if gamma <= 0:
        return torch.ones_like(alphas)
    snr = alphas / (1.0 - alphas)
    capped = snr.clamp(max=gamma)
    if prediction == "v_prediction":
        return capped / (snr + 1.0)
    return torch.where(snr > 0, capped / snr.clamp(min=torch.finfo(snr.dtype).tiny), torch.ones_like(snr))
