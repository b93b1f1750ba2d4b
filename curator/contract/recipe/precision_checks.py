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


def trains_text(recipe: Recipe) -> bool:
    """As far as it can be told without the model: rules of an adapter say more."""
    rates = recipe.optimizer
    has_rules = recipe.trains == "adapter" and bool(recipe.adapter.rules)
    return recipe.trains == "embeddings" or (max(rates.text_lr, rates.text_2_lr) > 0 and not has_rules)


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
_COMPILED = (
    _Refusal(
        lambda r: r.trains == "adapter" and "dylora" in r.adapter.active,
        "a dylora trains as many ranks as are drawn in each pass, and would be compiled for each number anew",
        "set precision.compile = 'off', or choose another kind",
    ),
)
_OFFLOADED_TEXT = (
    _Refusal(
        trains_text,
        "text encoders are trained, and stay on the device",
        "set precision.offload = 'vae' or 'none', or the rates of text encoders to 0",
    ),
)
_SHARDED = (
    _Refusal(
        lambda r: r.trains != "full",
        "the optimiser's state is only that of a whole model large enough",
        "set trains = 'full', or leave precision.shard out",
    ),
    _Refusal(
        _looks_at_all,
        "{optimizer} looks at all weights together",
        "choose an optimiser such as adamw, adamw8bit or adafactor",
    ),
    _Refusal(
        lambda r: r.precision.fused_backward,
        "weights that move within the backward pass are moved by every process",
        "leave precision.fused_backward out, or precision.shard",
    ),
)
_SPREAD = (
    _Refusal(
        lambda r: r.optimizer.name not in _BY_NUMBER,
        "{optimizer} looks at a whole weight, and each process has some rows of it",
        "choose adamw, lion or sgd_nesterov, or set precision.shard = 'optimizer'",
    ),
    _Refusal(
        lambda r: r.precision.weights == "bf16",
        "bf16 is rounded by draws for whole weights",
        "leave precision.weights out, or set precision.shard = 'optimizer'",
    ),
    _Refusal(
        lambda r: r.precision.mixed == "fp16",
        "fp16 looks at all gradients before it moves a weight",
        "set precision.mixed = 'bf16', or precision.shard = 'optimizer'",
    ),
    _Refusal(
        lambda r: r.precision.compile != "off",
        "weights that are put together while they work are not compiled",
        "leave precision.compile out, or set precision.shard = 'optimizer'",
    ),
    _Refusal(
        lambda r: r.precision.channels_last,
        "rows of weights lie one after another",
        "leave precision.channels_last out, or set precision.shard = 'optimizer'",
    ),
    _Refusal(
        lambda r: r.ema.decay > 0 and r.ema.save == "both",
        "at rest there is room for one of both",
        "set ema.save = 'average', or precision.shard = 'optimizer'",
    ),
)
_BY_NUMBER = ("adamw", "paged_adamw", "lion", "paged_lion", "sgd_nesterov")  # move a number by itself alone


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
    if knobs.compile != "off":
        _refuse(recipe, _COMPILED, f"{source}: precision.compile = '{knobs.compile}' cannot be followed")
    if knobs.shard != "none":
        refusals = _SHARDED if knobs.shard == "optimizer" else (*_SHARDED, *_SPREAD)
        _refuse(recipe, refusals, f"{source}: precision.shard = '{knobs.shard}' cannot be followed")
    if knobs.offloads_text:
        _refuse(
            recipe, _OFFLOADED_TEXT, f"{source}: precision.offload = '{knobs.offload}' cannot be followed"
        )
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
