"""Grids: images of saved weights side by side, made in a folder, shown, and judged blind."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.merging.adapters import BakeRecipe
from curator.runs.grids.comparing import (
    STANDING_HEADS,
    VERDICTS,
    Comparison,
    Standing,
    Verdict,
    judged_axes,
    judged_pairs,
)
from curator.runs.grids.grid_file import GridCell, GridFile, cell_image
from curator.runs.grids.making import MadeGrid, Outlook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from curator.contract.grid.spec import GridSpec
    from curator.contract.progress import Progress
    from curator.runs.grids.plan import FindRun, GridPlan

__all__ = [
    "STANDING_HEADS",
    "VERDICTS",
    "ChosenCell",
    "Comparison",
    "GridCell",
    "GridFile",
    "MadeGrid",
    "Outlook",
    "Standing",
    "Verdict",
    "bake_cell",
    "choose_cell",
    "compare_grid",
    "grid_outlook",
    "image_of",
    "judged_axes",
    "judged_pairs",
    "make_grid",
    "open_grid",
    "plan_grid",
]


def plan_grid(spec: GridSpec, find_run: FindRun) -> GridPlan:
    """Every cell of a grid, with the weights it needs; `find_run` gives runs by name."""
    from curator.runs.grids.plan import plan_grid as plan

    return plan(spec, find_run)


def grid_outlook(plan: GridPlan, folder: Path) -> Outlook:
    """What making it in `folder` would take."""
    from curator.runs.grids.making import outlook

    return outlook(plan, folder)


def make_grid(plan: GridPlan, folder: Path, hear: Callable[[str, str], None], progress: Progress) -> MadeGrid:
    """Make what is missing of it, and lay it out; `hear` is told what is doubtful in its models."""
    from curator.runs.grids.making import make

    return make(plan, folder, hear, progress)


def open_grid(folder: Path) -> GridFile:
    """The grid that was made in a folder."""
    from curator.runs.grids.grid_file import read_grid_file

    return read_grid_file(folder)


def compare_grid(folder: Path, by: Sequence[str] = (), seed: int = 0) -> Comparison:
    """The blind comparison of a grid's images, by some of its axes; goes on where it was left."""
    return Comparison(folder, by, seed)


def image_of(folder: Path, cell: GridCell) -> Path | None:
    """The image of a cell; None where it was not made."""
    return cell_image(folder, cell)


@dataclass(frozen=True)
class ChosenCell:
    """A cell whose adapters can be baked into its model: each is a file with its ratio."""

    name: str
    model: str
    adapters: tuple[tuple[str, float], ...]

    @property
    def usual_place(self) -> Path:
        """Where it is baked to unless that is said."""
        return Path(f"{Path(self.model).stem}-{self.name.replace(':', '-')}.safetensors")

    def command(self, out: Path) -> str:
        """The command line that bakes it."""
        adapters = (f"{file}@{ratio:g}" for file, ratio in self.adapters)
        return shlex.join(["frieze", "model", "bake", self.model, *adapters, "--out", str(out)])


def choose_cell(grid: GridFile, name: str) -> ChosenCell:
    """The cell of that name, to be baked.

    Raises:
        UserError: there is none, or it has no adapter.
    """
    cell = grid.cell(name)
    model, adapters = grid.models[cell.image.model], cell.image.adapters
    if not adapters:
        raise UserError(f"{cell.name} has no adapter: it is the model {model} itself", "choose another cell")
    return ChosenCell(cell.name, model, adapters)


def bake_cell(
    cell: ChosenCell, out: Path, progress: Progress, *, replaces: bool
) -> Sequence[Mapping[str, str]]:
    """Bake its adapters into its model; what is doubtful in that. `progress` hears of bytes.

    Raises:
        ReplaceableError: something is at `out`.
        UserError: training is not installed, an adapter does not fit, or the result cannot be written.
    """
    from curator.session.training.models import bake_adapters

    files, ratios = zip(*cell.adapters, strict=True)
    recipe = BakeRecipe(cell.model, files, tuple(f"{ratio:g}" for ratio in ratios))
    return bake_adapters(recipe, out, progress, replaces=replaces, is_dry=False, verifies=False)["doubts"]
