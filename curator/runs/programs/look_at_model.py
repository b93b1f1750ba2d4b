"""A base model looked at before a run: by its header, or by the trainer's own program where only PyTorch can tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.base_model.facts import facts_at
from curator.contract.recipe.checks import TrainingWarning
from curator.runs.launch import check_installed, check_models
from curator.runs.programs.trainer_programs import answer_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

PROGRAM: Sequence[str] = ("-m", "train.programs.check_model")


def look_at_model(recipe: Recipe, *, whole: bool = False) -> list[TrainingWarning]:
    """What is doubtful in the recipe's models. Pickles are read whole, of a hub's model the small files are fetched.

    Other models are read by header and configuration, or `whole` as well: every tensor, and a finite number each.

    Raises:
        UserError: this recipe cannot train the model, or only PyTorch could tell and it is not installed.
    """
    doubts = check_models(recipe)
    place = Path(recipe.model.path).expanduser()
    if not whole and place.exists() and facts_at(place) is not None:
        return doubts
    check_installed()
    return [TrainingWarning(**doubt) for doubt in answer_of(PROGRAM, recipe, "the check of the model")]
