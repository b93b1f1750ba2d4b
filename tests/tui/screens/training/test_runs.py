"""Runs: a dashboard is only a reader; leaving it, or the app, leaves the run alone (row B09)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.runs import launch
from curator.runs.fold import RunView
from curator.runs.follow import Follower
from curator.session.session import Session
from curator.tui.screens.training.runs import LOOK_EVERY_S
from curator.tui.widgets.cells.sample_grid import SampleGrid
from curator.tui.widgets.frame import status_line
from curator.tui.widgets.lists.lines import Lines


class Living(NamedTuple):
    """A run whose worker is this test."""

    run: RunFolder
    log: EventLog

    def step(self, number: int) -> None:
        self.log.write(ev.StepDone(time.time(), number, 0, 1 / number, {"unet": 1e-4}, 1.0, 4, 0.5, 1 << 30))


@pytest.fixture
def living(session: Session) -> Iterator[Living]:
    manifest = session.folder / "none.manifest"
    run = RunFolder.create(session.runs.folder, "fox", dump_recipe(Recipe()), manifest, "0" * 64)
    with run.hold():
        log = EventLog(run.events_path)
        log.write(ev.RunStarted(time.time(), 0, 40, 2, False, 1, "cpu", 1))
        yield Living(run, log)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_dashboard_follows_the_events(drive, living, size):
    living.step(1)
    async with drive(size) as it:
        await it.press("6")
        await it.sees("running")
        await it.press("enter")
        await it.sees("esc or q leaves it running")
        await it.sees("1/40")
        for number in range(2, 9):
            living.step(number)
        await it.sees("8/40")
        assert "fox" in it.app.screen.query_one(Lines).plain


async def test_a_log_that_takes_longer_to_read_than_between_two_looks_is_shown(drive, living, monkeypatch):
    poll = Follower.poll

    def slowly(follower: Follower) -> RunView:
        time.sleep(1.5 * LOOK_EVERY_S)
        return poll(follower)

    monkeypatch.setattr(Follower, "poll", slowly)
    async with drive() as it:
        await it.press("6")
        await it.sees("running")
        await it.press("enter")
        await it.sees("leaves it running")
        living.step(7)
        await it.until(lambda: "7/40" in it.app.screen.query_one(Lines).plain)


async def test_a_damaged_run_is_named_beside_the_others(drive, living):
    """Also at the next start; choosing it tells why."""
    bad = RunFolder.create(living.run.path.parent, "bad", "", living.run.path, "0" * 64)
    (bad.path / "run.json").write_text('{"name": "bad", "processes": "x"}')
    for _ in range(2):
        async with drive((120, 40)) as it:
            await it.press("6")
            await it.sees("running")
            await it.sees("damaged")
            await it.press("down", "enter")
            await it.until(lambda: "is damaged" in it.notices)
            assert it.app.screen.following == ""


async def test_an_ending_that_is_a_terminal_sequence_is_never_drawn(drive, session):
    run = RunFolder.create(session.runs.folder, "fox", "", session.folder / "m", "0" * 64)
    (run.path / "worker.json").write_text('{"pid": 1, "started": "x", "boot": "x"}')
    (run.path / "exit.json").write_text('{"how": "\\u001b]0;pwned\\u0007", "step": 1}')
    async with drive((120, 40)) as it:
        await it.press("6")
        await it.sees("crashed")
        await it.press("enter")
        await it.sees(f"crashed: {run.path.name}")


async def test_detaching_leaves_the_run_running_and_says_so(drive, living, monkeypatch):
    monkeypatch.setattr(status_line, "_READ_AFTER_S", 0)
    async with drive() as it:
        await it.press("6")
        await it.sees("running")
        await it.press("enter")
        await it.sees("leaves it running")
        await it.press("escape")
        await it.until(lambda: "goes on" in it.notices)
        assert it.app.screen.following == ""
        assert living.run.status() == "running"
        await it.press("enter")
        await it.sees("leaves it running")
        await it.press("q")
    assert living.run.status() == "running"
    assert living.run.take_requests() == []


async def test_a_run_is_asked_by_keys_and_stopped_after_a_question(drive, living):
    async with drive() as it:
        await it.press("6")
        await it.sees("running")
        await it.press("p", "r", "s", "S", "x")
        await it.sees("Stop the run")
        await it.press("n")
        assert living.run.take_requests() == ["pause", "resume", "save", "sample"]
        await it.press("x", "y")
        await it.until(lambda: living.run.take_requests() == ["stop"])


async def test_samples_are_a_grid_of_prompts_and_steps_that_grows(drive, living):
    def sample(step: int, prompt: str, seed: int = 1) -> None:
        path = living.run.samples_dir / f"{step}-{prompt[:1]}.png"
        Image.new("RGB", (64, 64), "teal").save(path)
        living.log.write(ev.SampleMade(time.time(), step, f"samples/{path.name}", prompt, seed))

    for step in (5, 10):
        sample(step, "a [b]fox[/b]")
        sample(step, "night")
    async with drive((80, 24)) as it:
        await it.press("6")
        await it.sees("running")
        await it.press("enter", "o")
        await it.sees("2 prompts, 2 steps")
        await it.sees("a [b]fox[/b]")
        await it.until(lambda: len(it.app.screen.query_one(SampleGrid)._feed._ready) == 4)
        sample(15, "night")
        await it.sees("step 15")
        await it.press("j", "h", "enter")
        await it.sees("4/5  step 10  seed 1  night")
        await it.until(lambda: it.preview._picture.strips)
        await it.press("escape", "k", "l", "enter")  # of the fox there is none at step 15
        assert it.app.screen.query("SampleGrid")
        await it.press("g", "enter")
        await it.sees("step 5  seed 1  a [b]fox[/b]")
        await it.press("escape", "escape")
        await it.sees("leaves it running")


async def test_asking_a_dead_run_is_a_notice_and_nothing_breaks(drive, session):
    RunFolder.create(session.runs.folder, "fox", dump_recipe(Recipe()), session.folder / "m", "0" * 64)
    async with drive() as it:
        await it.press("6")
        await it.sees("fox")
        await it.press("p")
        await it.until(lambda: "is not running" in it.notices)
        assert it.app.is_running


async def test_a_run_that_stands_still_is_started_again(drive, session, monkeypatch):
    worker = Path(__file__).parents[3] / "runs" / "fake_worker.py"
    monkeypatch.setattr(launch, "WORKER", (str(worker),))
    RunFolder.create(session.runs.folder, "fox", "steps=9", session.folder / "m", "0" * 64)
    async with drive() as it:
        await it.press("6")
        await it.sees("fox")
        await it.press("r")
        await it.sees("finished")
        await it.sees("9/9")


async def test_the_run_under_the_cursor_is_shown_its_plots_enlarged_and_another_laid_over(
    drive, living, session
):
    """B09: nothing is pressed to see a run; what cannot be read is told in its place."""
    for number in range(1, 9):
        living.step(number)
    other = RunFolder.create(
        session.runs.folder, "owl", dump_recipe(Recipe()), session.folder / "m", "0" * 64
    )
    with other.hold():
        log = EventLog(other.events_path)
        log.write(ev.RunStarted(time.time(), 0, 50, 2, False, 1, "cpu", 1))
        log.write(ev.StepDone(time.time(), 1, 0, 0.9, {"unet": 1e-4}, 1.0, 4, 0.5, 1 << 30))
        log.write(ev.StepDone(time.time(), 2, 0, 0.8, {"unet": 1e-4}, 1.0, 4, 0.5, 1 << 30))
        async with drive((120, 40)) as it:
            await it.press("6")
            await it.sees("step 2/50")
            await it.press("j")
            await it.sees("step 8/40")
            assert it.app.screen.following == ""
            await it.sees("gradient norm")
            await it.press("z", "z", "z")
            await it.until(lambda: "gradient norm" in it.text and "images/s" in it.text)
            assert "learning rate" not in it.text
            await it.press(*"zzz")
            await it.sees("learning rate")
            await it.press("k", "space", "j")
            await it.sees(f"1 {other.path.name}")
            assert f"1running       2/50 {other.path.name}"[:24] in it.text
            await it.press("k", "space", "j")
            await it.sees("step 8/40")
            await it.until(lambda: f"1 {other.path.name}" not in it.text)


async def test_a_late_look_never_detaches_and_keys_are_about_the_run_under_the_cursor(
    drive, living, session, monkeypatch
):
    """Enter is pressed while the run's log is still read for the dashboard; a burst acts on where the cursor is."""
    other = RunFolder.create(
        session.runs.folder, "owl", dump_recipe(Recipe()), session.folder / "m", "0" * 64
    )
    may_go_on, held, poll = threading.Event(), [0], Follower.poll

    def first_slowly(follower: Follower) -> RunView:
        held[0] += 1
        if held[0] == 1:
            may_go_on.wait(300)
        return poll(follower)

    monkeypatch.setattr(Follower, "poll", first_slowly)
    with other.hold():
        EventLog(other.events_path).write(ev.RunStarted(time.time(), 0, 50, 2, False, 1, "cpu", 1))
        async with drive((120, 40)) as it:
            await it.press("6")
            await it.until(lambda: held[0])
            await it.press("enter")
            await it.sees("leaves it running")
            name = it.app.screen.following
            may_go_on.set()
            await it.until(lambda: held[0] > 3)  # looks since
            assert it.app.screen.following == name == other.path.name
            await it.press("j", "s")
            await it.until(lambda: living.run.take_requests() == ["save"])
            assert other.take_requests() == []
            await it.press("o")
            await it.until(lambda: f"{living.run.path.name} has no samples yet" in it.notices)


async def test_a_run_that_was_deleted_is_neither_shown_nor_read_again(drive, session):
    """Its loss lay over that of another."""
    for name in ("fox", "owl"):
        run = RunFolder.create(
            session.runs.folder, name, dump_recipe(Recipe()), session.folder / "m", "0" * 64
        )
        log = EventLog(run.events_path)
        log.write(ev.RunStarted(1.0, 0, 50, 2, False, 1, "cpu", 1))
        log.write(ev.StepDone(2.0, 1, 0, 0.9, {"unet": 1e-4}, 1.0, 4, 0.5, 1 << 30))
    async with drive((120, 40)) as it:
        await it.press("6")
        await it.sees("fox")
        first = it.app.screen.query_one("#runs").current
        await it.press("enter", "space", "delete", "y")
        await it.until(lambda: first not in it.body)
        await it.sees("step 1/50")
        await it.press("j")
        await it.pilot.pause(3 * LOOK_EVERY_S)
        assert first not in it.text
        assert "cannot" not in it.notices
