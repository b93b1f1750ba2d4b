"""What a run can train, by the recipe's name for it, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.text import visible
from train.adapters.apply import named_as_attached
from train.adapters.attach import attach
from train.adapters.bundled import unbundled, word_warnings
from train.trained.embeddings import add_embeddings
from train.trained.full import FullFinetune, mark
from train.weights.lora_file import read_lora

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.families.family import Family
    from train.trained.trained import Trained

Warn = Callable[[str, str], None]


@dataclass(frozen=True)
class Row:
    """`mark` lets the weights of the frozen model that are trained ask for gradients, before it is placed on a device.

    `make` gives what is trained of the placed model, as a run without a saved state begins; it is told whom to warn.
    """

    mark: Callable[[Family, Recipe], None]
    make: Callable[[Family, Recipe, Warn], Trained]


def _nothing(_family: Family, _recipe: Recipe) -> None:
    """Adapters and embeddings leave the model as it is."""


def _adapter(family: Family, recipe: Recipe, warn: Warn) -> Trained:
    adapter = attach(family.adapter_roots, recipe.adapter, recipe.optimizer, recipe.seed)
    if recipe.adapter.start:
        tensors, words = unbundled(read_lora(Path(recipe.adapter.start).expanduser())[0])
        adapter.start_from(named_as_attached(adapter, family.adapter_roots, tensors))
        for warning in word_warnings(words, visible(recipe.adapter.start)):
            warn(warning.what, warning.hint)
    return adapter


def _full(family: Family, recipe: Recipe, _warn: Warn) -> Trained:
    return FullFinetune(family, recipe.full, recipe.optimizer)


def _embeddings(family: Family, recipe: Recipe, _warn: Warn) -> Trained:
    return add_embeddings(family, recipe)


TRAINED: dict[str, Row] = {
    "adapter": Row(_nothing, _adapter),
    "full": Row(mark, _full),
    "embeddings": Row(_nothing, _embeddings),
}
