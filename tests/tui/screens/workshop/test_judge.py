"""The Judge screen: pairs in the terminal, judged by keys; nothing says how an image was made."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from curator.contract.grid.job import GridImage, image_file
from curator.runs.grids.grid_file import AxisLabels, GridCell, GridFile, write_grid_file
from curator.session.session import Session
from curator.session.training.grids import compare_grid
from curator.tui.judge_app import JudgeApp
from curator.tui.theme import usual
from curator.tui.widgets.preview import Preview


def make_grid(folder: Path, prompt: str = "a [b]cat[/b]") -> None:
    cells: list[GridCell] = []
    for column in range(3):
        image = GridImage(f"{column}" * 16, 0, (), 1, prompt, "", 1, 2, 7.0, 64, 64, "ddim")
        cells.append(GridCell("ABC"[column] + "1", (column,), image))
        file = image_file(folder, image.name)
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (80 * column, 20, 0)).save(file)
    labels = ("ratio 0.5", "ratio 0.8", "ratio 1")
    write_grid_file(
        folder, GridFile("secret", (AxisLabels("columns", "ratio", labels),), ("m",), tuple(cells))
    )


def text_of(app: JudgeApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def test_keys_judge_and_choices_outlive_the_app(tmp_path: Path) -> None:
    """B10: left, tie, undo, skip; blind; kept at once."""
    make_grid(tmp_path)
    app = JudgeApp(compare_grid(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "1 of 3: a [b]cat[/b]" in text_of(app)
        assert not any(word in text_of(app) for word in ("ratio", "secret", "A1", "B1"))
        before = [app.screen.query_one(f"#{side}", Preview)._source.path for side in ("left", "right")]
        pair = compare_grid(tmp_path).next_pair()
        assert before == [pair.left_file, pair.right_file]
        await pilot.press("left", "space")
        assert [each.chosen for each in compare_grid(tmp_path).choices] == ["left", "tie"]
        await pilot.press("u", "s", "l")
        assert [each.chosen for each in compare_grid(tmp_path).choices] == ["left", "skip", "right"]
        await pilot.press("right")
        assert "all 3 pairs are judged" in text_of(app)
        await pilot.press("q")
        assert app._exit
    assert compare_grid(tmp_path).done == 3


async def test_a_choice_that_cannot_be_kept_is_told_and_not_made(tmp_path: Path) -> None:
    make_grid(tmp_path)
    comparison = compare_grid(tmp_path)
    (tmp_path / "choices.json").mkdir()
    app = JudgeApp(comparison)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("left")
        await pilot.pause()
        assert "cannot be written to" in " ".join(text_of(app).split())
        assert "1 of 3" in text_of(app)


def test_the_theme_is_that_chosen_with_the_collection(session: Session, tmp_path: Path) -> None:
    make_grid(tmp_path)
    session.memory.keep("theme", {"": "light"})
    app = JudgeApp(compare_grid(tmp_path))
    app.dress_as_in(session.folder)
    assert app.theme == "light"
    for collection in (None, tmp_path / "none"):
        app.dress_as_in(collection)
        assert app.theme == usual(app)
