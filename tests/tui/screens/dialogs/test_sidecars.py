"""Sidecars written from Browse: the plan and what stands against it first, then the act."""

from __future__ import annotations

import shutil
from pathlib import Path

from curator.index.changes.edits import AddTags
from curator.session.session import Session
from curator.tui.app import FriezeApp
from tests.tui.conftest import Driven


async def test_a_plan_with_its_conflicts_comes_before_the_act(tmp_path: Path, pictures: Path) -> None:
    shutil.copytree(pictures, tmp_path / "own")
    with Session.create(tmp_path / "set") as session:
        session.images.scan(tmp_path / "own")
        session.edits.apply(AddTags(("new",)), session.images.select("animal").ids.tolist())
        changed = tmp_path / "own" / "01 cat.txt"
        changed.write_text("by another")
        app = FriezeApp(session)
        async with app.run_test(size=(80, 24)) as pilot:
            it = Driven(app, pilot)
            await it.until(lambda: app.screen.is_mounted and it.images.count)
            await it.press("W")
            await it.sees("Write the sidecars of 6 images")
            await it.press("enter", "n")  # typed on: the answer waits for the plan
            await it.until(lambda: len(app.screen_stack) == 1)
            assert (tmp_path / "own" / "02 dog.txt").read_text() == "dog, animal, outdoors"
            await it.press("W", "enter")
            await it.sees("Write 1 sidecar?")
            await it.sees("in conflict, left as they are")
            await it.sees("writes over it")  # the whole of a long line
            await it.press("y")
            await it.sees("Some sidecars were not written")
            assert (tmp_path / "own" / "02 dog.txt").read_text().strip() == "dog, animal, outdoors, new"
            assert changed.read_text() == "by another"
            await it.press("escape", "W", "ctrl+u")
            await it.type(".c")
            await it.press("tab", "enter")
            await it.sees("Nothing to write")
