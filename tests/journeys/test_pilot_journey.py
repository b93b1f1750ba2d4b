"""The main job through the app, key by key: from an empty collection to a LoRA that diffusers loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from curator.contract.buckets import BucketRule
from curator.contract.manifest.manifest import open_manifest
from curator.contract.run.event_log import read_events
from curator.contract.run.events import CheckpointSaved, StepDone
from curator.session.session import Session
from curator.tui.app import FriezeApp
from curator.tui.widgets.entries.entry import Entry
from curator.tui.widgets.lists.image_list import ImageList
from tests.tui.conftest import Driven


async def fill(it: Driven, **values: str) -> None:
    for name, value in values.items():
        it.app.screen.query_one(f"#line-{name}", Entry).value = value
    await it.press("enter")


async def find(it: Driven, field: str, value: str) -> None:
    await it.press("slash")
    await it.type(field)
    await it.press("enter", "enter", "ctrl+u")
    await it.type(value)
    await it.press("enter")


async def test_from_a_folder_of_pictures_to_a_lora(tmp_path: Path, pictures: Path, tiny_model: Path) -> None:
    """The whole path: scan, tag, weigh, freeze, train, watch; S006, S042, B09, B14, and the LoRA loads in diffusers."""
    with Session.create(tmp_path / "set") as session:
        session.buckets.set_rule(BucketRule(128, 128, 64, 256, 32))
        app = FriezeApp(session)
        async with app.run_test(size=(120, 40)) as pilot:
            it = Driven(app, pilot)
            await it.until(lambda: app.screen.query(ImageList))

            await it.press("ctrl+o")
            await it.sees("Scan a folder")
            await fill(it, folder=str(pictures))
            await it.until(lambda: it.images.count == 6)

            await it.press("a")
            await it.type("journey")
            await it.press("enter")
            await it.until(lambda: session.images.select("journey").ids.size == 1)
            await it.press("u")
            await it.until(lambda: session.images.select("journey").ids.size == 0)
            await it.press("ctrl+r")
            await it.until(lambda: session.images.select("journey").ids.size == 1)

            await it.press("y", "x")
            await it.until(lambda: session.images.select("mark:reject").ids.size == 1)
            kept, rejected = (
                session.images.select(f"mark:{mark}").ids.tolist() for mark in ("keep", "reject")
            )
            assert [*kept, *rejected] == session.images.select("").ids[:2].tolist()

            await it.press("2", "a")
            await it.sees("Add a subset")
            await fill(it, name="cats", filter="cat", repeats="2", flip="yes")
            await it.sees("x 2")
            await it.press("a")
            await it.sees("Add a subset")
            await fill(it, name="rest", filter="-cat", repeats="1")
            await it.until(lambda: len(session.subsets.all()) == 2)
            await it.press("left_square_bracket")
            await it.until(lambda: {each.repeats for each in session.subsets.all()} & {0.9, 1.9})

            await it.press("4")
            await it.until(lambda: app.screen.report)
            await it.press("n")
            await it.type("first")
            await it.press("enter")
            await it.until(session.freezing.manifests)

            await it.press("3")
            await it.sees("step 1 ")
            await it.press("l")
            await it.sees("step 2 ")

            await it.press("5")
            await it.sees("first")
            for field, value in {
                "model.path": str(tiny_model),
                "length.epochs": "2",
                "batch.size": "2",
                "precision.mixed": "fp32",
                "save.dtype": "fp32",
            }.items():
                await find(it, field, value)
            await it.press("L")
            await it.sees("Start training")
            await it.press("y")
            await it.sees("[6 Runs]")
            for _ in range(400):  # the worker imports torch and trains: give it as long as it needs
                if session.runs.all() and session.runs.all()[0].status == "finished":
                    break
                await it.until(lambda: True)
                await pilot.pause(3)
            await it.sees("finished")
            await it.press("escape", "q")

        (run,) = session.runs.all()
        assert run.status == "finished"
        (manifest,) = session.freezing.manifests()
    _check_run(run.path, manifest.path, tiny_model)


def _check_run(run: Path, manifest: Path, base: Path) -> None:
    events = read_events(run / "events.jsonl")[0]
    steps = [event for event in events if isinstance(event, StepDone)]
    with open_manifest(manifest) as opened:
        samples = sum(span.samples for span in opened.spans)
    assert sum(step.images for step in steps) == 2 * samples
    lora = next(event for event in reversed(events) if isinstance(event, CheckpointSaved))
    command = [sys.executable, "-m", "train.programs.verify_lora", str(base), str(run / lora.path), "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert report["equal"]
    assert report["effect"] > 0
