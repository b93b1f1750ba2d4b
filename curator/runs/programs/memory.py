"""Memory a run would need, told by the trainer's own program from the shapes of its model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curator.runs.launch import is_installed
from curator.runs.programs.trainer_programs import answer_of

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

PROGRAM: Sequence[str] = ("-m", "train.programs.memory")


def memory_of(recipe: Recipe, processes: int = 1) -> dict[str, Any] | None:
    """Bytes by part that each of so many processes holds, as `train.prepare.memory.Memory` has them.

    None where training is not installed.

    Raises:
        UserError: there is no such model, or the recipe does not fit it.
    """
    return answer_of((*PROGRAM, str(processes)), recipe, "telling the memory") if is_installed() else None
