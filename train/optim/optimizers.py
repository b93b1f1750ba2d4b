"""The optimiser of a run: made, tried before the model is loaded, its rates set and told."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.optim.packages import any_class
from train.optim.table import ROWS, Groups
from train.trained.trained import WeightGroup

if TYPE_CHECKING:
    from curator.contract.recipe.optimizer import Optimizer


def make_optimizer(knobs: Optimizer, groups: Sequence[WeightGroup]) -> torch.optim.Optimizer:
    """The recipe's optimiser over groups of weights, each with its own rate as `base_lr` (S051), ready to train.

    Raises:
        UserError: its package is missing or broken, or it cannot be made of these.
    """
    found = [
        {"params": list(group.weights), "lr": group.rate, "base_lr": group.rate, "name": group.name}
        for group in groups
    ]
    rates = {group.rate for group in groups}
    if knobs.facts.one_rate and len(rates) > 1:
        told = " and ".join(f"{group.name} {group.rate:g}" for group in groups)
        raise UserError(
            f"{knobs.name} finds one rate for all it trains, and theirs differ: {told}",
            "leave lr out of adapter.rules",
        )
    made = _of_class(knobs, found) if knobs.is_class else ROWS[knobs.name](found, knobs)
    if averages(made):
        made.train()
    return made


def averages(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it is judged at other weights than it trains at."""
    return callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))


def _of_class(knobs: Optimizer, groups: Groups) -> torch.optim.Optimizer:
    arguments = knobs.parsed_args
    made = any_class(knobs.name, arguments)
    try:
        return made(groups, **arguments)
    except Exception as error:  # a class of anybody's: whatever it raises is told
        raise _refused(knobs, error) from error


def check_optimizer(knobs: Optimizer) -> None:
    """Make the optimiser of one small matrix, so that what is wrong with it is told before a model is loaded.

    One of any class also takes a step, and its state goes through a file.

    Raises:
        UserError: as `make_optimizer`; or a class that needs more than gradients, or whose state cannot be resumed.
    """
    weight = nn.Parameter(torch.ones(4, 4))
    made = make_optimizer(knobs, [WeightGroup("unet", 1e-3, (weight,))])
    if not knobs.is_class:
        return
    weight.grad = torch.full_like(weight, 1e-3)
    try:
        made.step()
        file = io.BytesIO()
        torch.save(made.state_dict(), file)
        file.seek(0)
        made.load_state_dict(torch.load(file, weights_only=True))
    except Exception as error:
        raise _refused(knobs, error) from error


def _refused(knobs: Optimizer, error: Exception) -> UserError:
    reason = visible(str(error) or type(error).__name__).strip()[:300]
    return UserError(
        f"{knobs.name} cannot train with these arguments: {reason}",
        "change optimizer.args, or choose an optimiser of the list ('frieze recipe fields optimizer.name')",
    )


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to `factor` times its base."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


def rates_of(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The rates by group name, with what the optimiser found itself."""
    return {
        group["name"]: group["lr"] * float(group.get("d", 1.0)) * group.get("layer_scale", 1.0)
        for group in optimizer.param_groups
    }
