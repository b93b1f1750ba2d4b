"""A base model as clients run it, with adapters put on and taken off: read once for all that is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch

from train.adapters.live import Chosen, LiveAdapters
from train.families.clip_text import rules_of
from train.families.load import load_of_recipe
from train.precision.arithmetic import Arithmetic
from train.trained.embeddings import add_embeddings

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.families.family import Family


class Stage:
    """The model of a recipe, with the text rules and the embeddings it names, ready for adapters of `files`.

    On a GPU it is held in bfloat16, elsewhere in float32; `warn` hears what is doubtful.

    Raises:
        UserError: the model or the embeddings cannot be loaded.
    """

    def __init__(self, recipe: Recipe, files: Iterable[str], warn: Callable[[str, str], None]) -> None:
        on_gpu = torch.cuda.is_available()
        self.device = torch.device("cuda" if on_gpu else "cpu")
        self.family: Family = load_of_recipe(recipe.model, rules_of(recipe.text), warn)
        self._adapters = LiveAdapters(self.family.adapter_roots, files, warn)
        numbers = torch.bfloat16 if on_gpu else torch.float32
        self.arithmetic = Arithmetic(self.device, numbers)
        self.family.place(self.arithmetic)
        if recipe.trains == "embeddings":
            add_embeddings(self.family, recipe)

    def show(self, adapters: Chosen, clip_skip: int | None = None) -> Family:
        """The model with these adapters alone, reading text at `clip_skip` (None: as the recipe says).

        Raises:
            UserError: an adapter cannot be used with the model, or it has no such text layer.
        """
        if clip_skip is not None:
            self.family.use_clip_skip(clip_skip)
        self._adapters.put_on(adapters)
        return self.family
