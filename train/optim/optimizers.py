"""Optimisers by name: one table row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from curator.contract.errors import UserError, did_you_mean
from curator.contract.recipe.recipe import Optimizer
from train.trained.trained import WeightGroup

Groups = list[dict[str, Any]]


def _adamw(groups: Groups, knobs: Optimizer) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        groups,
        betas=(knobs.beta1, knobs.beta2),
        weight_decay=knobs.weight_decay,
        eps=knobs.epsilon,
        fused=groups[0]["params"][0].is_cuda,
    )


OPTIMIZERS: dict[str, Callable[[Groups, Optimizer], torch.optim.Optimizer]] = {"adamw": _adamw}


def make_optimizer(knobs: Optimizer, groups: Sequence[WeightGroup]) -> torch.optim.Optimizer:
    """The recipe's optimiser over groups of weights, each with its own rate as `base_lr` (S051)."""
    if knobs.name not in OPTIMIZERS:
        raise UserError(f"no optimiser is called '{knobs.name}'", did_you_mean(knobs.name, OPTIMIZERS))
    found = [
        {"params": list(group.weights), "lr": group.rate, "base_lr": group.rate, "name": group.name}
        for group in groups
    ]
    return OPTIMIZERS[knobs.name](found, knobs)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> dict[str, float]:
    """Set every group's rate to `factor` times its base; the rates by group name."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    return {group["name"]: group["lr"] for group in optimizer.param_groups}
