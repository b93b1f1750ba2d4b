"""A grid made in a folder: planned, rendered as far as it is not there, and laid out."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.grid.job import made_image
from curator.contract.locations import GRID, GRID_IMAGES
from curator.contract.text import counted
from curator.runs.grids.grid_file import GridFile, write_grid_file
from curator.runs.grids.plan import GridPlan, changes
from curator.runs.programs.grids import render

if TYPE_CHECKING:
    from curator.contract.progress import Progress


@dataclass(frozen=True)
class Outlook:
    """What making a grid would take: images in all and to make, models to load, and seconds where some were made.

    `changed` counts cells that are made anew, by the setting that differs.
    """

    cells: int
    images: int
    missing: int
    models: int
    steps: int
    seconds: float | None
    changed: Counter[str]

    def in_words(self) -> tuple[str, str]:
        """What there will be, and what that takes; a line for each."""
        there = f"{self.images - self.missing:,} there"
        models, steps = counted(self.models, "model"), counted(self.steps, "step")
        return (
            f"{counted(self.cells, 'cell')}, {counted(self.images)}, {there}",
            f"to make: {counted(self.missing)} of {models}, {steps}{self._time()}",
        )

    def changed_in_words(self) -> str:
        """Which cells are made anew, and why; empty where none is."""
        if not self.changed:
            return ""
        what, cells = ", ".join(self.changed), counted(sum(self.changed.values()), "cell")
        return f"made anew, since other settings are asked for now ({what}): {cells}"

    def _time(self) -> str:
        if self.seconds is None:
            return "; how long it takes is known once an image is made" if self.missing else ""
        minutes, seconds = divmod(round(self.seconds), 60)
        return f", about {minutes} min {seconds} s" if minutes else f", about {seconds} s"


@dataclass(frozen=True)
class MadeGrid:
    """A grid as it lies in its folder, and how many images were made this time."""

    grid: GridFile
    made: int
    pages: tuple[Path, ...]
    html: Path


def outlook(plan: GridPlan, folder: Path) -> Outlook:
    """What making the grid would take; nothing is loaded.

    Raises:
        UserError: the folder holds something else.
    """
    _check_folder(folder)
    missing = plan.missing(folder)
    return Outlook(
        cells=len(plan.grid.cells),
        images=len(plan.images),
        missing=len(missing),
        models=len({each.model for each in missing}),
        steps=sum(each.steps for each in missing),
        seconds=_seconds(plan, folder),
        changed=changes(plan, folder),
    )


def make(plan: GridPlan, folder: Path, hear: Callable[[str, str], None], progress: Progress) -> MadeGrid:
    """Make what is missing of a grid in `folder`, and lay it out. Stopped and asked again, it goes on.

    Raises:
        UserError: the folder holds something else or cannot be written to, or images cannot be made.
    """
    from curator.runs.grids.html_page import write_html
    from curator.runs.grids.sheet import write_sheets

    _check_folder(folder)
    missing = plan.missing(folder)
    write_grid_file(folder, plan.grid.with_outcomes(folder, {}))
    failed = render(plan, folder, hear, progress)
    grid = plan.grid.with_outcomes(folder, failed)
    write_grid_file(folder, grid)
    try:
        pages = write_sheets(grid, folder)
        html = write_html(grid, folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written to: {error.strerror}", "free space, and ask again"
        ) from error
    return MadeGrid(grid, len(missing) - len(failed), pages, html)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds something and no grid: its files are not ours."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is no folder", "choose another place")
    if folder.is_dir() and not (folder / GRID).exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds other files", "choose an empty folder, or that of a grid")


def _seconds(plan: GridPlan, folder: Path) -> float | None:
    """How long the images to make may take, by the pace of all that lie in the folder; None where there are none."""
    paces = [
        made.seconds / (made.steps * made.width * made.height)
        for name in {path.stem for path in (folder / GRID_IMAGES).glob("*.json")}
        if (made := made_image(folder, name))
    ]
    if not paces:
        return None
    side = 512  # of images that do not say: what most were made with is not known before the model is read
    known = [made for each in plan.images if (made := made_image(folder, each.name))]
    if known:
        side = round(statistics.median(made.width for made in known))
    work = sum(each.steps * (each.width or side) * (each.height or side) for each in plan.missing(folder))
    return statistics.median(paces) * work
