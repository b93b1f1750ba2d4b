"""Sample images of saved weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from curator.contract.progress import Progress
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.events import SampleMade
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.programs.samples import Adapters, Hear
    from curator.runs.sample_table import SampleTable


def weights_of_run(run: RunFolder, step: int | None = None) -> tuple[Recipe, Adapters]:
    """The recipe and adapters that render what a run had trained after `step`; None: what it wrote last."""
    from curator.runs.programs.samples import of_run

    return of_run(run, step)


def table_of_samples(samples: Sequence[SampleMade]) -> SampleTable:
    """Samples of a run by prompt and step."""
    from curator.runs.sample_table import sample_table

    return sample_table(samples)


def make_samples(
    recipe: Recipe, adapters: Adapters, folder: Path, *, replaces: bool, hear: Hear, progress: Progress
) -> list[dict[str, Any]]:
    """Render the sample images of `recipe` into `folder`, with adapters added to its model.

    `hear` is told what is doubtful in it.
    """
    from curator.runs.programs.samples import make_samples as make

    return make(recipe, adapters, folder, replaces=replaces, hear=hear, progress=progress)
