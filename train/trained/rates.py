"""Learning rates of a model's parts, and the names of the groups they are reported under."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Optimizer

UNET, TEXT, TEXT_2 = "unet", "text", "text_2"


def group_of(part: str, rates: Optimizer) -> tuple[str, float]:
    """The group and the rate of the UNet or a text encoder; the second one goes with the first if it has no own."""
    if part == UNET:
        return UNET, rates.unet_lr
    if part == TEXT_2 and rates.text_2_lr >= 0:
        return TEXT_2, rates.text_2_lr
    return TEXT, rates.text_lr


def check_encoders(encoders: int, rates: Optimizer) -> None:
    """Refuse a rate for a text encoder that is not there.

    Raises:
        UserError: the model has only one.
    """
    if rates.text_2_lr >= 0 and encoders < 2:
        raise UserError("the model has no second text encoder", "leave optimizer.text_2_lr out of the recipe")


def parts(encoders: int) -> Iterator[str]:
    """The UNet, and each text encoder."""
    yield from (UNET, TEXT, TEXT_2)[: 1 + encoders]
