"""The images of a grid: by its axes, told in full, enlarged, and the adapters of one baked into its model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from curator.contract.errors import ReplaceableError
from curator.contract.merging.adapters import BakeRecipe
from curator.session.session import Session
from curator.session.training import models
from curator.tui.screens.workshop.known_grids import remember
from curator.tui.widgets.cells.sample_grid import SampleGrid
from tests.grids import write_grid
from tests.tui.conftest import Drive, Driven

RATIOS = ("ratio 0.5", "ratio 1")
PROMPTS = ("a [b]cat[/b]", "a dog")
SEEDS = ("seed 1", "seed 2")


@pytest.fixture
def grid(tmp_path: Path, session: Session) -> Path:
    """Ratios across, prompts down, a page for each seed. B1 has no adapter, A2 failed, B2 is still to be made."""
    folder = tmp_path / "grid"
    axes = (("ratio", RATIOS), ("prompt", PROMPTS), ("seed", SEEDS))
    write_grid(folder, axes, missing=("1:B2",), failed=("1:A2",), plain=("1:B1",))
    remember(session, folder)
    return folder


async def _shown(it: Driven) -> None:
    await it.press("6")
    await it.sees("no run yet")
    await it.press("A")
    await it.sees("6 of 8 images")
    await it.press("o")
    await it.sees("8 cells, ratio 2 x prompt 2")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
async def test_images_lie_by_the_axes_and_that_under_the_cursor_is_told(
    drive: Drive, grid: Path, size: tuple[int, int]
) -> None:
    async with drive(size) as it:
        await _shown(it)
        await it.sees("seed 1, a [b]cat[/b]")
        await it.sees("1:A1  ratio 0.5, seed 1")
        if size[1] > 12:
            await it.sees("base, a [b] at 0.5  seed 1  4 steps")
        await it.until(lambda: it.app.screen.query_one(SampleGrid)._feed._ready)
        await it.press("j")
        await it.sees("1:A2")
        await it.sees("! failed: no [room]")
        await it.press("enter")  # there is nothing to enlarge
        await it.press("l")
        await it.sees("1:B2")
        await it.sees("not made yet")
        await it.press("j", "enter")
        await it.sees("4/6  2:B1  ratio 1, a [b]cat[/b], se")
        await it.until(lambda: it.preview._picture.strips)
        await it.press("j", "escape")
        await it.sees("2:A2  ratio 0.5, seed 2")
        await it.press("escape", "escape")
        await it.sees("no run yet")


async def test_a_cell_is_chosen_and_baked_and_what_is_there_is_asked_about(
    drive: Drive, grid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S088: the same act as of the command."""
    out, baked = grid.parent / "base-1-A1.safetensors", list[tuple[BakeRecipe, bool]]()

    def bake(
        recipe: BakeRecipe, place: Path, tell: Callable[[int, int], None], *, replaces: bool, **_: object
    ):
        if place.exists() and not replaces:
            raise ReplaceableError(f"{place} is there already", "give another name, or --replace")
        tell(1, 1)
        place.write_text("baked")
        baked.append((recipe, replaces))
        return {"doubts": [{"what": "[odd] keys", "hint": "look"}]}

    monkeypatch.setattr(models, "bake_adapters", bake)
    async with drive((80, 24)) as it:
        await _shown(it)
        await it.press("l", "c")
        await it.until(lambda: "1:B1 has no adapter" in it.notices)
        await it.press("h", "c")
        await it.sees("Bake 1:A1 into a model of its own?")
        await it.sees("frieze model bake /models/base.safetensors")
        await it.press("n", "c", "y")
        await it.sees("base-1-A1.safetensors")
        assert not baked
        await it.press("enter")
        await it.until(lambda: "Baked: 1:A1, as " in it.notices)
        assert "[odd] keys: look" in it.notices
        out.write_text("mine")
        await it.press("c", "y")
        await it.sees("bake to")
        await it.press("enter")
        await it.sees("Replace what is there?")
        await it.press("n")
        assert out.read_text() == "mine"
        await it.press("c", "y", "enter")
        await it.sees("Replace what is there?")
        await it.press("y")
        await it.until(lambda: out.read_text() == "baked")
    recipe = BakeRecipe("/models/base.safetensors", ("/nets/a [b].safetensors",), ("0.5",))
    assert baked == [(recipe, False), (recipe, True)]
