"""Reports from Runs and Freeze: a page is written where one says, opened, its path copied."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe
from curator.contract.run.run_folder import RunFolder
from curator.session.session import Session
from tests.tui.conftest import Drive


@pytest.fixture(autouse=True)
def _no_desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for each in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "TMUX"):
        monkeypatch.delenv(each, raising=False)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_page_about_a_manifest_is_written_and_its_path_copied(
    drive: Drive, session: Session, tmp_path: Path, size: tuple[int, int]
) -> None:
    session.freezing.write("first")
    page = tmp_path / "pages" / "first.html"
    async with drive(size) as it:
        await it.press("4")
        await it.sees("subsets")
        await it.press("R")
        await it.sees("Report on first")
        await it.sees("mind whom")
        await it.press("ctrl+u")
        await it.type(str(page))
        await it.press("enter")
        await it.sees("Written: first.html")
        assert page.read_text("utf-8").startswith("<!doctype html>")
        await it.press("Y")
        await it.sees("copied: ")
        assert it.app.clipboard == str(page)
        await it.press("O")
        await it.sees("there is no browser")
        await it.press("escape", "R")
        await it.sees("Report on first")
        await it.press("ctrl+u")
        await it.type(str(page))
        await it.press("tab", "minus", "1", "enter")
        await it.sees("is less than none")
        await it.press("ctrl+u", "0", "enter")
        await it.sees("Replace what is there?")
        before = page.stat().st_mtime_ns
        await it.press("y")
        await it.sees("0 pictures")
        assert page.stat().st_mtime_ns > before


async def test_a_page_about_a_run_is_opened_in_the_browser_of_the_terminal(
    drive: Drive, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = session.freezing.write("first")
    run = RunFolder.create(session.runs.folder, "fox", dump_recipe(Recipe()), frozen.path, frozen.digest)
    asked = list[list[str]]()
    monkeypatch.setenv("BROWSER", sys.executable)
    monkeypatch.setattr("curator.tui.outside.programs._run", lambda _, command, **__: asked.append(command))
    async with drive((80, 24)) as it:
        await it.press("6")
        await it.sees(run.path.name[:20])
        await it.press("R")
        await it.sees("Report on")
        await it.press("ctrl+u")
        await it.type("run.html")
        await it.press("enter")
        await it.sees("Written: run.html")
        await it.press("O")
        await it.until(lambda: asked)
    assert asked == [[sys.executable, (tmp_path / "run.html").as_uri()]]
