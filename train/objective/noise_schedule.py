"""The noise schedule of a model, from its scheduler's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from curator.contract.errors import UserError


def alphas_cumprod(config: Mapping[str, Any]) -> Tensor:
    """The share of signal left at each timestep, falling from near 1 to near 0."""
    count = int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.00085)), float(config.get("beta_end", 0.012))
    kind = config.get("beta_schedule", "scaled_linear")
    if config.get("trained_betas") is not None:
        betas = torch.tensor(config["trained_betas"], dtype=torch.float64)
    elif kind == "scaled_linear":
        betas = torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2
    elif kind == "linear":
        betas = torch.linspace(start, end, count, dtype=torch.float64)
    else:
        raise UserError(f"the model's noise schedule is '{kind}'", "scaled_linear and linear are known")
    alphas = torch.cumprod(1.0 - betas, dim=0)
    if config.get("rescale_betas_zero_snr"):
        alphas = _to_zero_terminal(alphas)
    return alphas.float()


def _to_zero_terminal(alphas: Tensor) -> Tensor:
    """Shift and scale sqrt(alphas_cumprod) so that the last is 0 and the first unchanged."""
    root = alphas.sqrt()
    first, last = root[0].clone(), root[-1].clone()
    return ((root - last) * first / (first - last)) ** 2


def add_noise(latents: Tensor, noise: Tensor, alphas: Tensor) -> Tensor:
    """Noisy latents; `alphas` is alphas_cumprod at each sample's timestep."""
    kept = alphas.view(-1, 1, 1, 1)
    return kept.sqrt() * latents + (1.0 - kept).sqrt() * noise


def velocity(latents: Tensor, noise: Tensor, alphas: Tensor) -> Tensor:
    """The v-prediction target."""
    kept = alphas.view(-1, 1, 1, 1)
    return kept.sqrt() * noise - (1.0 - kept).sqrt() * latents
