"""What a run can train, by the recipe's name for it, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from curator.contract.recipe.recipe import Recipe
from train.adapters.attach import attach
from train.families.family import Family
from train.trained.embeddings import add_embeddings
from train.trained.full import FullFinetune, mark
from train.trained.trained import Trained
from train.weights.lora_file import read_lora


@dataclass(frozen=True)
class Row:
    """`mark` lets the weights of the frozen model that are trained ask for gradients, before it is placed on a device.

    `make` gives what is trained of the placed model, as a run without a saved state begins.
    """

    mark: Callable[[Family, Recipe], None]
    make: Callable[[Family, Recipe], Trained]


def _nothing(_family: Family, _recipe: Recipe) -> None:
    """Adapters and embeddings leave the model as it is."""


def _adapter(family: Family, recipe: Recipe) -> Trained:
    adapter = attach(family.adapter_roots, recipe.adapter, recipe.optimizer, recipe.seed)
    if recipe.adapter.start:
        tensors, _ = read_lora(Path(recipe.adapter.start).expanduser())
        adapter.start_from(tensors)
    return adapter


def _full(family: Family, recipe: Recipe) -> Trained:
    return FullFinetune(family, recipe.full, recipe.optimizer)


TRAINED: dict[str, Row] = {
    "adapter": Row(_nothing, _adapter),
    "full": Row(mark, _full),
    "embeddings": Row(_nothing, add_embeddings),
}
