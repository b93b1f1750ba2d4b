"""Weights of a run, copied from Runs to a place of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import dump_recipe
from curator.contract.run.run_folder import RunFolder
from curator.session.session import Session
from tests.tui.conftest import Drive


@pytest.fixture
def run(session: Session) -> RunFolder:
    manifest = session.folder / "none.manifest"
    return RunFolder.create(session.runs.folder, "fox", dump_recipe(Recipe()), manifest, "0" * 64)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_weights_are_copied_and_replaced_once_that_is_asked(
    drive: Drive, run: RunFolder, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with drive(size) as it:
        await it.press("6")
        await it.sees("fox")
        await it.press("E")
        await it.until(lambda: "has no weights yet" in it.notices)
        run.output_dir.mkdir(exist_ok=True)
        for name, content in (("fox.safetensors", b"last"), ("fox-000010.safetensors", b"before")):
            (run.output_dir / name).write_bytes(content)
        for weights, answer, content in (("", "", b"last"), ("fox-000010.safetensors", "y", b"before")):
            await it.press("E")
            await it.sees("Weights of ")
            await it.sees("fox.safetensors")
            if weights:
                await it.press("ctrl+u")
                await it.type(weights)
            await it.press("tab")
            await it.type(str(tmp_path / "mine.safetensors"))
            await it.press("enter")
            if answer:
                await it.sees("Replace what is there?")
                await it.press(answer)
            await it.until(lambda content=content: f"{len(content)} B" in it.notices)
            assert (tmp_path / "mine.safetensors").read_bytes() == content


async def test_a_folder_of_ones_own_is_never_replaced(drive: Drive, run: RunFolder, tmp_path: Path) -> None:
    model, own = run.output_dir / "fox", tmp_path / "own"
    for folder, name in ((model, "model_index.json"), (own, "diary.txt")):
        folder.mkdir(parents=True)
        (folder / name).write_text("{}")
    async with drive((80, 24)) as it:
        await it.press("6")
        await it.sees("fox")
        await it.press("E", "tab")
        await it.type(str(own))
        await it.press("enter")
        await it.until(lambda: "is not empty, and no model" in it.notices)
    assert (own / "diary.txt").exists()
