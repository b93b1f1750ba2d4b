"""What spares memory and is not set yet, the cheapest first: what it saves, and what it costs.

What a recipe holds is told from the shapes of its model. Recomputing a forward pass costs that pass: a third of a full
step, and near half of one whose base rests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import with_values
from train.out_of_memory import ways
from train.prepare.memory import memory_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


def proposals(recipe: Recipe) -> Iterator[dict[str, object]]:
    """For a recipe whose batch does not fit; `saves_bytes` of the device is None where only activations change."""
    now = memory_of(recipe, lambda _what, _hint: None).device_bytes
    for values in ways(recipe):
        changed = with_values(recipe, values)
        try:
            then = memory_of(changed, lambda _what, _hint: None).device_bytes
        except UserError:
            continue  # a package that is not installed
        yield {
            "values": values,
            "saves_bytes": now - then if then < now else None,
            "cost": _cost(recipe, next(iter(values))),
        }


def _cost(recipe: Recipe, key: str) -> str:
    if key == "batch.size":
        whole = not recipe.precision.fused_backward
        return (
            "the same gradient; a small batch leaves a GPU idle"
            if whole
            else "another batch: fewer images a step"
        )
    if key == "precision.gradient_checkpointing":
        return f"about {33 if recipe.trains == 'full' else 47} % more time a step"
    if key == "precision.offload":
        return "a moment at each image that is encoded or sampled, and memory of the CPU"
    if key == "precision.weights":
        return "weights of 8 digits, rounded at random"
    return "rounded state of the optimizer"
