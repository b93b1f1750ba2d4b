"""The plots of a run: which there are, how many find room, what is laid over, and where epochs begin."""

from __future__ import annotations

import math

import pytest
from rich.cells import cell_len

from curator.contract.run import events as ev
from curator.runs.curve import Curve
from curator.runs.drawing.chart import Line, plot
from curator.runs.drawing.plots import plot_lines, plots
from curator.runs.fold import RunFold, RunView


def a_run(name: str = "fox", steps: int = 200, level: float = 0.1) -> RunView:
    fold = RunFold()
    fold.feed(ev.RunStarted(0, 0, 640, 10, False, 1, "cuda:0", 1))
    for at in range(1, steps + 1):
        loss = level + 0.2 / math.sqrt(at)
        fold.feed(
            ev.StepDone(0, at, (at - 1) // 64 + 1, loss, {"unet": 1e-4, "text": 5e-5}, 0.3, 4, 0.25, 3 << 30)
        )
    fold.feed(ev.Evaluated(0, 100, 0.12, 8), ev.Evaluated(0, 200, 0.11, 8))
    for at, (fox, owl) in ((100, (0.2, 0.3)), (200, (0.1, 0.4))):
        fold.feed(
            ev.Evaluated(
                0, at, 0.25, 8, held_out=True, bands=(0.1, 0.2), subsets={"fox [b]": fox, "owl": owl}
            )
        )
    return fold.view(name, "running")


TITLES = ["loss", "fixed-noise loss", "validation loss", "validation by subset", "learning rate", "gradient norm",
          "images/s", "memory, GiB"]  # fmt: skip


def test_every_measure_has_a_plot() -> None:
    assert [each.title for each in plots(a_run())] == TITLES
    assert plots(RunView()) == []


@pytest.mark.parametrize(("width", "height", "shown"), [(120, 34, 8), (76, 16, 4), (40, 8, 1), (20, 3, 1)])
def test_as_many_as_there_is_room_for(width: int, height: int, shown: int) -> None:
    lines = [line.plain for line in plot_lines(a_run(), width, height)]
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    text = "\n".join(lines)
    assert [title for title in TITLES if title in text] == TITLES[:shown]


def test_one_is_shown_alone() -> None:
    text = "\n".join(line.plain for line in plot_lines(a_run(), 100, 20, "images/s"))
    assert "images/s" in text
    assert "loss" not in text
    assert text.splitlines()[1].split()[0] == "17.6"  # 16 in all steps, and some air
    assert len(text.splitlines()) == 20


def test_another_run_is_laid_over() -> None:
    """Its name is told with its style, and the scale holds both."""
    lines = plot_lines(a_run(), 60, 12, "loss", [a_run("o[u]ther", level=0.9)])
    assert "1 o[u]ther" in lines[0].plain
    assert float(lines[1].plain.split()[0]) > 1
    styles = {span.style for line in lines for span in line.spans}
    assert {"cyan", "yellow", "dim"} <= styles


def test_epochs_are_ticks_also_after_a_resume() -> None:
    fold = RunFold()
    for first, last in ((0, 150), (100, 200)):
        fold.feed(ev.RunStarted(0, first, 200, 4, False, 1, "cpu", 1))
        for at in range(first + 1, last + 1):
            fold.feed(ev.StepDone(0, at, (at - 1) // 50 + 1, 0.1, {}, 1, 4, 1, 0))
    view = fold.view()
    assert view.epoch_starts == (51, 101, 151)
    axis = plot([Line(view.measures["loss"])], 210, 8, view.epoch_starts)[-2].plain
    assert [at - 10 for at, sign in enumerate(axis) if sign == "┴"] == [
        round((tick - 1) / 199 * 199) for tick in (51, 101, 151)
    ]


def test_a_line_is_not_thickened_by_the_points_below_it() -> None:
    steps = Curve((at, at % 2) for at in range(100)).binned()
    line = Curve((at, 0.5) for at in range(100)).binned()
    field = plot([Line(steps, "dim", is_cloud=True), Line(line, "bold")], 60, 9)
    middle = [row for row in field if any(span.style == "bold" for span in row.spans)]
    assert len(middle) == 1
    assert set(middle[0].plain[10:]) <= {"⠉", "⠒", "⠤", "⣀"}
