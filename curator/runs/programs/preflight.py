"""A run tried out before it is started, by the trainer's own program: two steps, a sample, a save (row B02)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.recipe.toml_file import dump_recipe
from curator.runs.launch import check_models
from curator.runs.programs.model_workshop import report_of

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.contract.recipe.recipe import Recipe

PROGRAM = ("-m", "train.programs.preflight")


def preflight(
    parent: Path, manifest: Path, recipe: Recipe, processes: int, progress: Progress
) -> dict[str, Any]:
    """What the trainer's outlook says of a run that would lie below `parent`; nothing is left there.

    Raises:
        UserError: training is not installed, or the recipe cannot be followed with this manifest and model.
    """
    check_models(recipe)
    place = next(each for each in (parent, *parent.absolute().parents) if each.is_dir())
    words = [f"--manifest={manifest.absolute()}", f"--place={place.absolute()}", f"--processes={processes}"]
    return report_of([*PROGRAM, *words], progress, "the preflight", dump_recipe(recipe))
