"""Contradictions between an optimiser, its learning rates and the schedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.recipe.fields import recipe_fields, value_of
from curator.contract.recipe.sections import IdleKey

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

_LEVEL = ("constant", "constant_with_warmup")
_USUAL = (0.1, 10.0)  # what a recipe's rates are beside a rate that is found


def check_rates(recipe: Recipe, source: str) -> None:
    """Refuse rates and a schedule that the optimiser cannot follow, and a class that is not trusted.

    Raises:
        UserError: names the key and what to do.
    """
    knobs = recipe.optimizer
    shown = knobs.name
    if knobs.is_class:
        if not knobs.trust_class:
            raise UserError(
                f"{source}: optimizer.name = '{shown}' runs a class of an installed package",
                "set optimizer.trust_class = true if you trust it",
            )
        _ = knobs.parsed_args  # raises where they cannot be read
    if knobs.facts.averages and recipe.schedule.name not in _LEVEL:
        raise UserError(
            f"{source}: {shown} averages weights instead of lowering the rate, as schedule.name = "
            f"'{recipe.schedule.name}' would",
            "set schedule.name = 'constant'; a warm-up may stand before it",
        )
    if knobs.facts.one_rate and recipe.trains != "embeddings":
        _check_one_rate(recipe, source)


def _check_one_rate(recipe: Recipe, source: str) -> None:
    rates = recipe.optimizer.rates
    if len(set(rates.values())) > 1:
        told = " and ".join(f"{key} = {rate:g}" for key, rate in rates.items())
        raise UserError(
            f"{source}: {recipe.optimizer.name} finds one rate for all it trains, and {told} differ",
            "set them alike, usually to 1.0, or to 0 what shall rest; dadapt_adam can train one slower",
        )


def idle_schedule(recipe: Recipe, given: frozenset[str]) -> Iterator[IdleKey]:
    """The keys in `given` of a schedule that the optimiser has in its own stead."""
    if not recipe.optimizer.steps_alone:
        return
    for name in sorted(given):
        if name.startswith("schedule.") and value_of(recipe, name) != recipe_fields()[name].default:
            yield IdleKey(
                name,
                ": optimizer.adafactor.relative_step has its own schedule",
                "leave it out, or set optimizer.adafactor.relative_step = false",
            )


def rate_doubts(recipe: Recipe) -> list[tuple[str, str]]:
    """What may not be meant where the optimiser finds the rate itself: what, and what to do."""
    knobs = recipe.optimizer
    if not knobs.facts.owns_rate:
        return []
    rates = {"embeddings.lr": recipe.embeddings.lr} if recipe.trains == "embeddings" else knobs.rates
    found = [
        (
            f"{key} = {rate:g} is a factor of the rate that {knobs.name} finds itself",
            f"set {key} = 1.0, which is usual",
        )
        for key, rate in rates.items()
        if not _USUAL[0] <= rate <= _USUAL[1]
    ]
    if not found and len(set(rates.values())) > 1:
        told = ", ".join(f"{key} = {rate:g}" for key, rate in rates.items())
        found.append(
            (
                f"{knobs.name} finds one rate for all, and trains each part at its factor of it: {told}",
                "set them alike for one rate",
            )
        )
    return found
