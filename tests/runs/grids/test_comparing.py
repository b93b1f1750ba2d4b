"""Blind comparisons: every pair once in an order by seed, choices kept and taken back, ratings that follow them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.grid.job import GridImage, image_file
from curator.runs.grids.comparing import Comparison
from curator.runs.grids.grid_file import AxisLabels, GridCell, GridFile, cell_name, write_grid_file

RATIOS = ("ratio 0.5", "ratio 0.8", "ratio 1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three ratios of two seeds."""
    cells: list[GridCell] = []
    for row in range(2):
        for column in range(3):
            image = GridImage(f"{row}{column}" * 8, 0, (), 1, "a cat", "", row, 2, 7.0, 64, 64, "ddim")
            cells.append(GridCell(cell_name((column, row), 1), (column, row), image))
            file = image_file(tmp_path, image.name)
            file.parent.mkdir(exist_ok=True)
            Image.new("RGB", (8, 8), (80 * column, 80 * row, 0)).save(file)
    axes = (AxisLabels("columns", "ratio", RATIOS), AxisLabels("rows", "seed", ("seed 0", "seed 1")))
    write_grid_file(tmp_path, GridFile("g", axes, ("m",), tuple(cells)))
    return tmp_path


def answer(comparison: Comparison, order: tuple[str, ...]) -> None:
    """Judge the next pair as one who likes what comes later in `order` better."""
    pair = comparison.next_pair()
    left, right = (order.index(comparison.candidate(cell)) for cell in (pair.left, pair.right))
    comparison.choose("left" if left > right else "right")


def test_pairs_differ_in_what_is_judged_alone_and_come_once(folder: Path) -> None:
    """B10: a pair shows one seed; the order and the sides follow from a seed of their own."""
    comparison = Comparison(folder)
    assert (comparison.by, comparison.total, comparison.done) == (("ratio",), 6, 0)
    seen: list[tuple[str, str]] = []
    while pair := comparison.next_pair():
        assert pair.left.at[1] == pair.right.at[1]
        seen.append((pair.left.name, pair.right.name))
        comparison.choose("tie")
    assert len({frozenset(each) for each in seen}) == len(seen) == 6
    with pytest.raises(UserError, match="every pair is judged"):
        comparison.choose("left")
    for _ in seen:
        assert comparison.undo()
    assert not comparison.undo()
    firsts = {Comparison(folder, seed=seed).next_pair().left.name for seed in range(12)}
    assert len(firsts) > 2
    again = Comparison(folder).next_pair()
    assert (again.left.name, again.right.name) == seen[0]


def test_choices_are_kept_and_the_better_is_rated_higher(folder: Path) -> None:
    for _ in range(3):
        answer(Comparison(folder), RATIOS)  # a new program each time
    resumed = Comparison(folder)
    assert resumed.done == 3
    while resumed.next_pair():
        answer(resumed, RATIOS)
    rows = resumed.standings()
    assert [row.candidate for row in rows] == list(reversed(RATIOS))
    assert [(row.compared, row.won, row.lost, row.share) for row in rows] == [
        (4, 4, 0, 1.0), (4, 2, 2, 0.5), (4, 0, 4, 0.0),
    ]  # fmt: skip
    assert rows[0].rating > rows[1].rating > rows[2].rating
    assert rows[0].rating == -rows[2].rating
    assert rows[1].rating == 0


def test_skipped_pairs_say_nothing_and_another_axis_is_judged_by_itself(folder: Path) -> None:
    comparison = Comparison(folder)
    comparison.choose("skip")
    assert comparison.done == 1
    assert {row.compared for row in comparison.standings()} == {0}
    by_seed = Comparison(folder, by=["seed"])
    assert (by_seed.total, by_seed.done) == (3, 0)
    with pytest.raises(UserError, match="no axis 'sed'"):
        Comparison(folder, by=["sed"])


def test_equal_images_are_no_pair(folder: Path) -> None:
    for file in (folder / "cells").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="no two images"):
        Comparison(folder)
