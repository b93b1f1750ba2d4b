"""The plan of an adapter, told by the trainer's own program: modules and sizes of the file a run would write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.runs.launch import check_installed, check_models
from curator.runs.programs.trainer_programs import answer_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

PROGRAM: Sequence[str] = ("-m", "train.programs.adapter_plan")


def plan(recipe: Recipe, family: str | None = None) -> dict[str, Any]:
    """`modules`, `parameters` and `bytes` of the adapter `recipe` trains on its model, or on a family's standard model.

    Raises:
        UserError: training is not installed, there is no such model, or the recipe does not fit it.
    """
    if recipe.trains != "adapter":
        raise UserError(
            f"the recipe trains no adapter: trains is '{recipe.trains}'", "set trains = 'adapter'"
        )
    if family is None:
        check_models(recipe)
    check_installed()
    return answer_of([*PROGRAM, *([family] if family else [])], recipe, "planning")
