"""Images of a grid rendered by the trainer's own program: what is there stays, what failed is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.runs.launch import check_installed
from curator.runs.programs.trainer_programs import run_program

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.runs.grids.plan import GridPlan

PROGRAM: Sequence[str] = ("-m", "train.programs.render_grid")
Hear = Callable[[str, str], None]


def render(plan: GridPlan, folder: Path, hear: Hear, progress: Progress) -> dict[str, str]:
    """Make the images that are not there yet; those that could not be made, with the reason.

    `progress` hears of images to make now, `hear` of what is doubtful in a model.

    Raises:
        UserError: training is not installed, or the program broke.
    """
    missing = plan.missing(folder)
    if not missing:
        return {}
    check_installed()
    failed: dict[str, str] = {}

    def told(at: dict[str, Any]) -> None:
        if "doubt" in at:
            hear(at["doubt"]["what"], at["doubt"]["hint"])
            return
        if "failed" in at:
            failed[at["failed"]["name"]] = f"{at['failed']['what']}: {at['failed']['hint']}"
        progress(at["done"], at["total"])

    run_program(PROGRAM, told, plan.job(missing, folder).to_json(), doing="making the grid")
    return failed
