"""Grids in the app: made after a look at what that takes, listed, judged blind, and taken from the list again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Event

import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.grid.job import MadeImage, image_file, read_grid_job, record_file
from curator.runs.programs import grids as programs
from curator.session.session import Session
from curator.session.training.grids import compare_grid
from curator.tui.screens.workshop.known_grids import known_grids, remember
from curator.tui.widgets.cells.sample_grid import SampleGrid
from tests.train.small_models import write_tiny_lora
from tests.tui.conftest import Drive, Driven
from tests.tui.screens.workshop.test_judge import make_grid

SPEC = """\
title = "[b]ratios[/b]"
model = "base"
adapter = "a.safetensors"
ratio = [0.5, 1.0]
prompt = ["a [b]cat[/b]", "a dog"]
steps = 1
width = 64
height = 64
"""


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, and what it names."""
    monkeypatch.setattr(programs, "check_installed", lambda: None)
    (tmp_path / "base").symlink_to(tiny_model)
    write_tiny_lora(tmp_path / "a.safetensors")
    (tmp_path / "spec.toml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def rendering(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The program that makes images, without PyTorch; how many it was asked for, each time."""
    asked: list[int] = []

    def run(
        _program: object, told: Callable[[dict[str, object]], None], given: str = "", **_: object
    ) -> None:
        job = read_grid_job(given)
        asked.append(len(job.images))
        for done, image in enumerate(job.images, 1):
            file = image_file(Path(job.folder), image.name)
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", (64, 64), (40 * done, 80, 90)).save(file)
            own = {name: value for name, value in asdict(image).items() if name != "model"}
            made = MadeImage(**own, model="base", noise="0", collapsed="", seconds=0.5)
            record_file(Path(job.folder), image.name).write_text(json.dumps(asdict(made)))
            told({"done": done, "total": len(job.images)})

    monkeypatch.setattr(programs, "run_program", run)
    return asked


async def _opened(it: Driven, sees: str = "grid") -> None:
    await it.press("6")
    await it.sees("no run yet")
    await it.press("A")
    await it.sees(sees)


async def _ask_to_make(it: Driven, home: Path) -> None:
    await it.press("n")
    await it.sees("Make a grid")
    await it.type(str(home / "spec.toml"))
    it.app.screen.query_one("#line-folder").focus()
    await it.type(str(home / "out"))
    await it.press("enter")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_grid_is_made_after_a_look_at_what_it_takes(
    drive: Drive, session: Session, home: Path, rendering: list[int], size: tuple[int, int]
) -> None:
    async with drive(size) as it:
        await _opened(it, "none yet: n makes one")
        await _ask_to_make(it, home)
        await it.sees("Make 4 images?")
        await it.sees("4 cells, 4 images, 0 there")
        await it.sees("to make: 4 images of 1 model, 4 steps")
        await it.sees("base")
        await it.sees("prompt")
        assert not (home / "out").exists()
        await it.press("n")
        await it.sees("none yet")
        await _ask_to_make(it, home)
        await it.sees("Make 4 images?")
        await it.press("y")
        await it.until(lambda: "Made: 4 images" in it.notices)
        await it.sees("4 of 4 images")
        await it.sees("[b]ratios[/b]: ratio 2 x prompt 2, of ")
        assert (home / "out" / "sheet-1.png").is_file()
        await _ask_to_make(it, home)
        await it.sees("All images are there")
        await it.press("y")
        await it.until(lambda: "Made: 0 images" in it.notices)
    assert rendering == [4]
    assert [each.folder for each in known_grids(session)] == [home / "out"]


async def test_what_was_given_up_is_in_the_list_and_gone_on_with(
    drive: Drive, home: Path, rendering: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, reached, let_go = programs.run_program, Event(), Event()

    def stops_at_the_first(
        program: object, told: Callable[[dict[str, object]], None], given: str, **_: object
    ) -> None:
        def tell(at: dict[str, object]) -> None:
            reached.set()
            let_go.wait(60)
            told(at)

        run(program, tell, given)  # type: ignore[arg-type]

    monkeypatch.setattr(programs, "run_program", stops_at_the_first)
    async with drive((80, 24)) as it:
        await _opened(it, "none yet")
        await _ask_to_make(it, home)
        await it.sees("Make 4 images?")
        await it.press("y")
        await it.until(reached.is_set)
        await it.sees("making images")
        await it.press("escape")
        let_go.set()
        await it.sees("1 of 4 images")
        await it.sees("3 images to make")
        monkeypatch.setattr(programs, "run_program", run)
        await _ask_to_make(it, home)
        await it.sees("4 images, 1 there")
        await it.press("y")
        await it.until(lambda: "Made: 3 images" in it.notices)
    assert rendering == [4, 3]


async def test_what_cannot_be_made_is_a_sentence(
    drive: Drive, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise UserError("training is not installed", "install it")

    monkeypatch.setattr(programs, "check_installed", refuse)
    async with drive((80, 24)) as it:
        await _opened(it, "none yet")
        await it.press("n")
        await it.type(str(home / "a.safetensors"))
        await it.press("enter")
        await it.sees("cannot be read as TOML")
        await it.press("escape")
        await _ask_to_make(it, home)
        await it.sees("Make 4 images?")
        await it.press("y")
        await it.until(lambda: "training is not installed: install it" in it.notices)
        await it.sees("0 of 4 images")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
async def test_a_grid_of_elsewhere_is_added_and_one_that_is_gone_says_so(
    drive: Drive, session: Session, tmp_path: Path, size: tuple[int, int]
) -> None:
    other = tmp_path / "[red]other"
    other.mkdir()
    make_grid(other)
    remember(session, tmp_path / "gone")
    async with drive(size) as it:
        await _opened(it, "! gone")
        await it.sees("the folder is not there now")
        await it.press("enter")
        await it.until(lambda: "there is no grid in" in it.notices)
        await it.press("J", "s")
        assert "--out" not in it.notices
        await it.press("a")
        await it.type(str(tmp_path))
        await it.press("enter")
        await it.sees("there is no grid in")
        await it.press("ctrl+u")
        await it.type(str(other))
        await it.press("enter")
        await it.sees("3 of 3 images")
        assert "[red]other" in it.text
        has_room = size[1] > 20
        await it.until(lambda: ("A1 " in it.body) == has_room)  # its images, below
        assert not it.app.screen.query_one(SampleGrid).render_line(1).text.strip()  # and no cursor on them
        await it.press("G")
        await it.until(lambda: "A1 " not in it.body)
        await it.press("d")
        await it.until(lambda: "gone is off the list" in it.notices)
        await it.sees("1 grid ")
        await it.press("d")
        await it.sees("none yet")
        await it.press("escape")
        await it.sees("no run yet")
    assert (other / "grid.json").is_file()
    assert known_grids(session) == []


async def test_a_damaged_one_says_so(drive: Drive, session: Session, tmp_path: Path) -> None:
    make_grid(tmp_path)
    (tmp_path / "choices.json").write_text("{")
    remember(session, tmp_path)
    async with drive((80, 24)) as it:
        await _opened(it, "! damaged")
        await it.until(lambda: "choices.jsonisdamaged" in "".join(it.body.split()))  # wherever it is wrapped
        await it.press("s")
        await it.until(lambda: "choices.json is damaged" in it.notices)


async def test_it_is_judged_blind_and_one_comes_back_to_what_won(
    drive: Drive, session: Session, tmp_path: Path
) -> None:
    """B10: the same judgements as of the command, kept as they are made."""
    make_grid(tmp_path)
    remember(session, tmp_path)
    async with drive((80, 24)) as it:
        await _opened(it, "3 of 3 images")
        assert "pairs judged" not in it.body
        await it.press("J")
        await it.sees("which is judged of: ratio")
        await it.press("ctrl+u", *"hue", "enter")
        await it.sees("no axis 'hue'")
        await it.press("ctrl+u", *"ratio", "enter")
        await it.sees("1 of 3: a [b]cat[/b]")
        assert "ratio" not in it.text
        await it.press("6", "left", "space")
        await it.sees("3 of 3: a [b]cat[/b]")
        await it.press("escape")
        await it.sees("2 of 3 pairs judged, by ratio")
        await it.sees("compared")
        await it.press("escape")
        await it.sees("2 pairs judged")
        await it.press("s")
        await it.sees("ratio 0.5")
        await it.press("escape", "escape")
        await it.sees("no run yet")
    assert [each.chosen for each in compare_grid(tmp_path).choices] == ["left", "tie"]


async def test_a_folder_that_goes_meanwhile_is_told(drive: Drive, session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "grid"
    folder.mkdir()
    make_grid(folder)
    remember(session, folder)
    async with drive((80, 24)) as it:
        await _opened(it, "3 of 3 images")
        shutil.rmtree(folder)
        await it.press("s")
        await it.until(lambda: "there is no grid in" in it.notices)
