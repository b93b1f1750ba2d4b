"""Samples of a run as a grid: prompts as rows, steps as columns; of too many some columns, evenly spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.contract.text import counted
from curator.pages.html import Html, joined, safe, table
from curator.reports.layout import boxed
from curator.runs.sample_table import SampleRow, sample_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from curator.contract.run.events import SampleMade
    from curator.contract.run.run_folder import RunFolder
    from curator.pages.pictures import Pictures

_SIDE_PX = 256


@dataclass(frozen=True)
class Grid:
    """Samples by row and step, and how many of either there are in all."""

    rows: tuple[SampleRow, ...]
    steps: tuple[int, ...]
    cells: Mapping[tuple[SampleRow, int], SampleMade]
    all_rows: int
    all_steps: int


def grid_of(samples: Sequence[SampleMade], most: int) -> Grid:
    """At most so many samples: every prompt at the first step, the last, and steps between; of very many the first."""
    table = sample_table(samples)
    shown_rows = table.rows[: max(most, 0)]
    columns = max(most // len(shown_rows), 1) if shown_rows else 0
    steps = tuple(_spread(table.steps, columns))
    return Grid(shown_rows, steps, table.cells, len(table.rows), len(table.steps))


def samples_section(run: RunFolder, samples: Sequence[SampleMade], pictures: Pictures, most: int) -> Html:
    """The grid as a table, and what of it is not shown; nothing where there is no sample."""
    grid = grid_of(samples, most)
    if not grid.rows:
        return Html("")
    several_seeds = len({row.prompt for row in grid.rows}) < len(grid.rows)
    rows = [
        (
            Html(safe(row.prompt or "(no prompt)") + (f"<br>seed {row.seed}" if several_seeds else "")),
            *(_cell(run, grid.cells.get((row, step)), pictures) for step in grid.steps),
        )
        for row in grid.rows
    ]
    headings = ("prompt", *(f"step {step:,}" for step in grid.steps))
    return joined([_told(grid), boxed("samples", table(headings, rows))])


def _cell(run: RunFolder, sample: SampleMade | None, pictures: Pictures) -> Html:
    if sample is None:
        return Html("")
    return pictures.shown_from(run.path / sample.path, f"step {sample.step}: {sample.prompt}", _SIDE_PX)


def _told(grid: Grid) -> Html:
    said = [
        f"{len(grid.steps):,} of {counted(grid.all_steps, 'step')}"
        if len(grid.steps) < grid.all_steps
        else "",
        f"{len(grid.rows):,} of {counted(grid.all_rows, 'prompt')}" if len(grid.rows) < grid.all_rows else "",
    ]
    told = " and ".join(filter(None, said))
    return Html(f"<p>{safe(told)} are shown.</p>" if told else "")


def _spread(steps: Sequence[int], most: int) -> list[int]:
    """At most so many steps, evenly spread; the last is always there."""
    if len(steps) <= most:
        return list(steps)
    if most == 1:
        return [steps[-1]]
    return [steps[at * (len(steps) - 1) // (most - 1)] for at in range(most)]
