"""Contradictions between the precision of a recipe and what it trains, with which optimiser, in which batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.errors import UserError
from curator.contract.recipe.optimizer import OPTIMIZERS
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


class _Refusal(NamedTuple):
    when: Callable[[Recipe], bool]
    why: str
    hint: str


def _looks_at_all(recipe: Recipe) -> bool:
    """Whether the optimiser may look at several weights at once, so that it cannot move them one by one."""
    known = OPTIMIZERS.get(recipe.optimizer.name)
    return known is None or known.owns_rate or known.averages


_BF16_WEIGHTS = (
    _Refusal(
        lambda r: r.trains == "embeddings",
        "embeddings are some kilobytes, and always held in fp32",
        "leave precision.weights out",
    ),
    _Refusal(
        lambda r: r.precision.mixed != "bf16",
        "it needs the arithmetic of bf16",
        "set precision.mixed = 'bf16', or leave precision.weights out",
    ),
    _Refusal(
        _looks_at_all,
        "{optimizer} looks at all weights together, and these are moved one after another",
        "choose an optimiser such as adamw, adamw8bit or adafactor",
    ),
    _Refusal(
        lambda r: r.ema.decay > 0,
        "an average moves by less than bf16 can hold",
        "leave ema.decay out, or set precision.weights = 'fp32'",
    ),
)
_FUSED = (
    _Refusal(
        lambda r: r.trains != "full",
        "only gradients of a whole model are worth it",
        "set trains = 'full', or leave precision.fused_backward out",
    ),
    _Refusal(
        lambda r: r.batch.accumulate > 1,
        "batch.accumulate adds gradients up, and none are kept",
        "set batch.accumulate = 1, or leave precision.fused_backward out",
    ),
    _Refusal(
        lambda r: r.optimizer.max_grad_norm > 0,
        "optimizer.max_grad_norm needs all gradients together",
        "set optimizer.max_grad_norm = 0, or leave precision.fused_backward out",
    ),
    _Refusal(
        lambda r: r.precision.mixed == "fp16",
        "fp16 looks at all gradients before it moves a weight",
        "set precision.mixed = 'bf16', or leave precision.fused_backward out",
    ),
    _Refusal(
        _looks_at_all,
        "{optimizer} looks at all weights together",
        "choose an optimiser such as adamw, adamw8bit or adafactor",
    ),
)


def check_precision(recipe: Recipe, source: str) -> None:
    """Refuse numbers and ways that what is trained cannot follow.

    Raises:
        UserError: names the key and what to do.
    """
    knobs = recipe.precision
    if knobs.weights == "bf16":
        _refuse(recipe, _BF16_WEIGHTS, f"{source}: precision.weights = 'bf16' cannot be followed")
    if knobs.fused_backward:
        _refuse(recipe, _FUSED, f"{source}: precision.fused_backward cannot be followed")

    if knobs.attention == "flash" and knobs.mixed == "fp32":
        raise UserError(
            f"{source}: precision.attention = 'flash' has no arithmetic in fp32",
            "set precision.mixed = 'bf16' or 'fp16', or another kernel",
        )


def _refuse(recipe: Recipe, refusals: tuple[_Refusal, ...], what: str) -> None:
    for refusal in refusals:
        if refusal.when(recipe):
            why = refusal.why.format(optimizer=visible(recipe.optimizer.name))
            raise UserError(f"{what}: {why}", refusal.hint)
