"""The dashboard as text at the sizes people have (80x24 over SSH, 120x40 at home)."""

from __future__ import annotations

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from curator.contract.run import events as ev
from curator.contract.run.run_folder import Status
from curator.runs.curve import Curve
from curator.runs.drawing.chart import Line, plot
from curator.runs.drawing.dashboard import Dashboard, dashboard_lines
from curator.runs.fold import RunFold, RunView
from curator.runs.report import PlainReport

SIZES = [(80, 24), (120, 40), (40, 10)]


def a_run(
    *more: ev.Event, steps: int = 300, name: str = "2026-01-01-fox", status: Status = "running"
) -> RunView:
    fold = RunFold()
    fold.feed(ev.RunStarted(0, 0, 640, 10, False, 12, "cuda:0", 2), ev.Evaluated(0, 0, 0.1502, 8))
    for i in range(1, steps + 1):
        loss = 0.1 + 0.2 / math.sqrt(i)
        fold.feed(ev.StepDone(0, i, i // 64 + 1, loss, {"unet": 1e-4, "text": 5e-5}, 0.3, 4, 0.25, 3 << 30))
    fold.feed(
        ev.Evaluated(0, 250, 0.1203, 8),
        ev.SampleMade(0, 200, "samples/200-0.png", "a fox in snow", 1),
        ev.CheckpointSaved(0, 200, "output/fox-200.safetensors", "ab" * 32),
        *more,
    )
    return fold.view(name, status)


def shown(view: RunView, width: int, height: int, **colours: object) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, **colours)  # type: ignore[arg-type]
    console.print(Dashboard(view, "Ctrl-C leaves", height))
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fits_and_says_the_numbers_first(width: int, height: int) -> None:
    text = shown(a_run(), width, height)
    lines = text.splitlines()
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    for words in (
        "2026-01-01-fox",
        "running",
        "300/640",
        "epoch 5/10",
        "4.00 it/s",
        "16.00 images/s",
        "0.1502",
    ):
        assert words in text
    assert lines[-1].startswith("Ctrl-C leaves")


@pytest.mark.parametrize(("width", "height"), SIZES[:2])
def test_where_there_is_room_it_shows_everything(width: int, height: int) -> None:
    text = shown(a_run(), width, height)
    for words in (
        "cuda:0 · 2 processes", "left 1:25", "memory 3.0 GiB", "unet 1.00e-04", "text 5.00e-05",
        "0.1502 -> 0.1203 (-19.9%)", "samples/200-0.png", "a fox in snow", "output/fox-200.safetensors", "abababababab",
    ):  # fmt: skip
        assert words in text
    assert sum(any(0x2800 < ord(char) <= 0x28FF for char in line) for line in text.splitlines()) >= 5


def test_without_colour_it_says_the_same() -> None:
    plain = shown(a_run(), 80, 24, no_color=True, force_terminal=True)
    assert "\x1b[3" not in plain.replace("\x1b[3m", "")
    assert "300/640" in plain


def test_hostile_names_are_text() -> None:
    view = a_run(
        ev.SampleMade(0, 3, "s.png", "[blink]\x1b]0;gone\x07\u202eevil", 1),
        ev.Warned(0, "[/]\x1b[2J", "[link=x]"),
        ev.ImageQuarantined(0, "bad\udcff\n.png", "no"),
        steps=3,
        name="[bold red]x\x1b[31m",
    )
    text = shown(view, 120, 40)
    assert "\x1b" not in text
    assert "\u202e" not in text
    for words in (
        "[bold red]x\\x1b[31m",
        "[blink]\\x1b]0;gone\\x07\\u202eevil",
        "[link=x]",
        "bad\\xff\\x0a.png",
    ):
        assert words in text


def test_failures_take_two_lines_and_always_stand_there() -> None:
    view = a_run(ev.RunFailed(0, "the disk is full", "free space, then resume"), status="failed")
    for width, height in SIZES:
        lines = shown(view, width, height).splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("failed: the disk is full"))
        assert "free space" in lines[at + 1]


def test_a_crash_says_how_to_go_on() -> None:
    view = a_run(status="crashed")
    assert "frieze train --resume 2026-01-01-fox" in shown(view, 80, 24)


def test_a_phase_has_the_bar_while_it_lasts() -> None:
    view = a_run(ev.Progress(0, "caching latents", 20, 80), steps=3)
    text = shown(view, 80, 24)
    assert "caching latents 20/80  25%" in text


def test_a_run_without_events_is_shown() -> None:
    assert "not started" in shown(RunView(name="x"), 80, 24)
    assert "starting" in shown(RunView(name="x", status="running"), 80, 24)


@given(st.integers(1, 130), st.integers(1, 50), st.integers(0, 70))
def test_no_size_breaks_the_dashboard(width: int, height: int, steps: int) -> None:
    lines = dashboard_lines(a_run(steps=steps), width, height, footer="footer")
    assert len(lines) <= height
    assert all(line.cell_len <= width for line in lines)


POINTS = st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), max_size=80)


@given(POINTS, st.integers(0, 100), st.integers(0, 30))
def test_a_chart_stays_in_its_space(values: list[float], width: int, height: int) -> None:
    lines = plot([Line(Curve(enumerate(values, 1)).binned())], width, height)
    assert len(lines) <= height or len(lines) == 1
    if len(lines) > 1:
        assert all(len(line) <= max(width, 10) for line in lines)


def test_a_falling_curve_falls() -> None:
    curve = Curve((i, 100 - i) for i in range(100)).binned()
    lines = [line.plain for line in plot([Line(curve)], 50, 11)]
    assert len(lines) == 11
    tops = [min(at for at, line in enumerate(lines[:-1]) if line[10 + x] != "\u2800") for x in range(40)]
    assert tops == sorted(tops)
    assert (tops[0], tops[-1]) == (0, 9)
    assert lines[0].strip().startswith("100")
    assert lines[9].strip().startswith("1 ")
    assert lines[-1].split() == ["0", "99"]


def test_plain_lines_tell_a_long_run_briefly() -> None:
    report = PlainReport()
    events: list[ev.Event] = [ev.RunStarted(0, 0, 1000, 4, False, 1, "cpu", 1)]
    events += [ev.StepDone(0, i, 0, 0.5, {"unet": 1e-4}, 1, 4, 0.5, 0) for i in range(1, 1001)]
    events += [
        ev.CheckpointSaved(0, 1000, "output/x.safetensors", "ab"),
        ev.RunEnded(0, "finished", 1000),
    ]
    lines = list(report.lines(events))
    assert 20 <= len(lines) <= 26
    assert lines[0] == "begins: 1,000 steps, 4 epochs on cpu"
    assert "step 1000/1000" in lines[-3]
    assert lines[-2] == "weights after step 1000: output/x.safetensors"
    assert lines[-1] == "finished after step 1000"


def test_plain_lines_have_the_figures_of_their_step_however_many_are_told_at_once() -> None:
    events: list[ev.Event] = [ev.RunStarted(0, 0, 40, 4, False, 1, "cpu", 1)]
    events += [ev.StepDone(0, i, 0, 1 / i, {"unet": 1e-4}, 1, 4, 0.5, 0) for i in range(1, 41)]
    alone, report = PlainReport(), PlainReport()
    at_once = list(report.lines(events))
    assert at_once == [line for event in events for line in alone.lines([event])]
    assert len({line.partition("smoothed")[2] for line in at_once[1:]}) == len(at_once) - 1
    assert "left 0:10" in next(line for line in at_once if line.startswith("step 20/40"))
