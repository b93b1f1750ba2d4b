"""Runs managed by keys: the queue in order, runs compared, renamed, suspended and deleted (rows B07, B09)."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe, with_values
from curator.contract.run import events as ev
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder
from curator.runs.queue import keeper
from curator.runs.queue.jobs import Queue, job_of
from curator.session.session import Session


@pytest.fixture(autouse=True)
def _nobody_begins_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "PROGRAM", ("-c", ""))


def ended(session: Session, name: str, rank: int = 4) -> RunFolder:
    recipe = dump_recipe(with_values(Recipe(), {"adapter.rank": rank}))
    run = RunFolder.create(session.runs.folder, name, recipe, session.folder / "m", "0" * 64)
    log = EventLog(run.events_path)
    log.write(ev.RunStarted(time.time(), 0, 4, 1, False, 1, "cpu", 1))
    log.write(ev.StepDone(time.time(), 4, 1, 1 / rank, {"unet": 1e-4}, 1.0, 4, 0.5, 1 << 30))
    with run.hold():
        pass
    run.finish("stopped", 4)
    return run


async def test_the_queue_is_put_in_order_by_keys(drive, session) -> None:
    queue = Queue()
    for name in ("ant", "bee", "cat"):
        queue.add(job_of(ended(session, name), "cpu", "", processes=None, retries=0))

    def order() -> list[str]:
        return [f"{job.folder.path.name[11:]} {job.state}" for job in queue.jobs()]

    async with drive() as it:
        await it.press("6")
        await it.sees("queued")
        await it.press("Q")
        await it.sees("waiting")
        await it.press("J")
        await it.until(lambda: order() == ["bee waiting", "ant waiting", "cat waiting"])
        await it.press("h")  # the cursor is still on it
        await it.until(lambda: "ant held" in order())
        await it.sees("held")
        await it.press("h")
        await it.until(lambda: "ant waiting" in order())
        await it.press("G", "f")
        await it.until(lambda: order()[0] == "cat waiting")
        await it.press("x")
        await it.until(lambda: order() == ["bee waiting", "ant waiting"])
        await _stopped_at_work(it, queue)
        await it.press("escape")
        await it.sees("stopped")


async def _stopped_at_work(it, queue: Queue) -> None:
    """The first of the queue is at work: the key that takes out asks whether to stop it."""
    run = queue.jobs()[0].folder
    with run.hold():
        queue.change(run, lambda job: replace(job, state="working"))
        await it.sees("working")
        await it.press("k", "k", "x")
        await it.sees("leaves the queue")
        await it.press("n", "x")
        assert run.take_requests() == []
        await it.press("y")
        await it.until(lambda: run.take_requests() == ["stop"])
        run.finish("stopped", 4)


async def test_two_runs_are_compared(drive, session) -> None:
    ended(session, "fox", 4)
    ended(session, "owl", 8)
    async with drive((120, 40)) as it:
        await it.press("6")
        await it.sees("owl")
        await it.press("c")
        await it.sees("Compare")
        await it.press("enter")
        await it.sees("adapter.rank")
        await it.sees("the data is the same")
        await it.sees("0.1250")
        await it.press("escape")
        await it.sees("stopped")


async def test_a_run_is_renamed_and_deleted_after_a_question(drive, session) -> None:
    run = ended(session, "fox")
    (run.output_dir / "fox.safetensors").write_bytes(b"w")
    async with drive() as it:
        await it.press("6")
        await it.sees("fox")
        await it.press("n")
        await it.sees("without a date")
        await it.press("ctrl+u", *"owl", "enter")
        await it.sees("-owl")
        (renamed,) = Path(session.runs.folder).iterdir()
        assert renamed.name.endswith("-owl")
        await it.press("delete")
        await it.sees("Lost for good: 1 file of weights")
        await it.press("n")
        assert renamed.exists()
        await it.press("delete", "y")
        await it.until(lambda: not renamed.exists())
        await it.sees("no run yet")


async def test_a_run_is_suspended_after_a_question(drive, session) -> None:
    run = RunFolder.create(session.runs.folder, "fox", dump_recipe(Recipe()), session.folder / "m", "0" * 64)
    with run.hold():
        async with drive() as it:
            await it.press("6")
            await it.sees("running")
            await it.press("P")
            await it.sees("Suspend the run")
            await it.press("y")
            await it.until(lambda: run.take_requests() == ["suspend"])
