"""Grids: images of saved weights side by side, made in a folder, shown, and judged blind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.runs.grids.comparing import VERDICTS, Comparison, Standing, Verdict
from curator.runs.grids.grid_file import GridCell, GridFile, cell_image
from curator.runs.grids.making import MadeGrid, Outlook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from curator.contract.grid.spec import GridSpec
    from curator.contract.progress import Progress
    from curator.runs.grids.plan import FindRun, GridPlan

__all__ = [
    "VERDICTS",
    "Comparison",
    "GridCell",
    "GridFile",
    "MadeGrid",
    "Outlook",
    "Standing",
    "Verdict",
    "compare_grid",
    "grid_outlook",
    "image_of",
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
