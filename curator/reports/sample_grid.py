"""Samples of a run as a grid: prompts as rows, steps as columns; of too many some columns, evenly spread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.text import counted
from curator.pages.html import Html, joined, safe, table
from curator.reports.layout import boxed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curator.contract.run.events import SampleMade
    from curator.contract.run.run_folder import RunFolder
    from curator.pages.pictures import Pictures

_SIDE_PX = 256


class _Row(NamedTuple):
    """One prompt with its seed; `nth` where a step has several of them."""

    prompt: str
    seed: int
    nth: int


@dataclass(frozen=True)
class Grid:
    """Samples by row and step, and how many of either there are in all."""

    rows: tuple[_Row, ...]
    steps: tuple[int, ...]
    cells: dict[tuple[_Row, int], SampleMade]
    all_rows: int
    all_steps: int


def grid_of(samples: Sequence[SampleMade], most: int) -> Grid:
    """At most so many samples: every prompt at the first step, the last, and steps between; of very many the first."""
    cells: dict[tuple[_Row, int], SampleMade] = {}
    times: Counter[tuple[str, int, int]] = Counter()
    for each in sorted(samples, key=lambda each: (each.step, each.path)):
        nth = times[each.prompt, each.seed, each.step]
        times[each.prompt, each.seed, each.step] += 1
        cells[_Row(each.prompt, each.seed, nth), each.step] = each
    newest = max((step for _, step in cells), default=0)
    last = [row for row, step in cells if step == newest]
    rows = list(dict.fromkeys([*last, *(row for row, _ in cells)]))  # what is sampled now stands first
    steps = sorted({step for _, step in cells})
    shown_rows = rows[: max(most, 0)]
    columns = max(most // len(shown_rows), 1) if shown_rows else 0
    return Grid(tuple(shown_rows), tuple(_spread(steps, columns)), cells, len(rows), len(steps))


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
