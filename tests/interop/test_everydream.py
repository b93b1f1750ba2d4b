"""EveryDream's multiply.txt (S048): real numbers, this folder only, and what version 1 makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curator.index.collection import Collection
from curator.interop.apply import carry_out
from curator.interop.layouts import detected, plan_import


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)


def test_each_folder_has_its_own_number(draw: Any, tmp_path: Path, collection: Collection) -> None:
    """S048, S010"""
    write(draw("set/a", "1.png", "2.png"), multiply="2.5\n")
    draw("set/a/inner", "3.png")
    write(
        draw("set/b", "4.png"),
        multiply="0.4",
        flip_p="0.5",
        cond_dropout="0.1",
        loss_scale="0.5",
        shuffle_tags="True",
    )
    plan = plan_import(tmp_path / "set")
    assert detected(tmp_path / "set") == "everydream"
    assert {each.name: each.repeats for each in plan.subsets} == {"a": 2.5, "a/inner": 1.0, "b": 0.4}
    b = plan.subsets[-1]
    assert (b.flip, b.loss_weight, b.rules.caption_dropout, b.rules.shuffle) == (True, 0.5, 0.1, True)
    carry_out(collection, plan)
    assert {each.name: each.repeats for each in collection.subsets.list()} == {
        "a": 2.5,
        "a/inner": 1.0,
        "b": 0.4,
    }


def test_global_then_folder_then_local(draw: Any, tmp_path: Path) -> None:
    draw("set/a/b", "1.png")
    draw("set/c", "2.png")
    (tmp_path / "set/global.yaml").write_text("multiply: 3\nflip_p: 0.5\n")
    (tmp_path / "set/a/b/multiply.txt").write_text("2")
    (tmp_path / "set/c/multiply.txt").write_text("2")
    (tmp_path / "set/c/local.yaml").write_text("multiply: 4.5  # more\n")
    plan = plan_import(tmp_path / "set", "everydream")
    assert {each.name: (each.repeats, each.flip) for each in plan.subsets} == {
        "a/b": (2.0, True),
        "c": (4.5, True),
    }


@pytest.mark.parametrize(("text", "repeats"), [("2.9", 2.0), ("x", 1.0), ("", 1.0)])
def test_version_1_cuts_to_whole_numbers(draw: Any, tmp_path: Path, text: str, repeats: float) -> None:
    write(draw("set/a", "1.png"), multiply=text)
    assert plan_import(tmp_path / "set", "everydream1").subsets[0].repeats == repeats


@pytest.mark.parametrize("layout", ["everydream", "everydream1"])
def test_zero_and_less_leave_a_folder_out(draw: Any, tmp_path: Path, layout: str) -> None:
    write(draw("set/a", "1.png"), multiply="0")
    write(draw("set/b", "2.png"), multiply="-3")
    plan = plan_import(tmp_path / "set", layout)
    assert not plan.subsets
    assert ["multiply is 0" in plan.ignored[0].reason, "multiply is -3" in plan.ignored[1].reason] == [
        True,
        True,
    ]


@pytest.mark.parametrize("text", ["many", "nan", "inf", ""])
def test_what_is_no_number_leaves_that_folder_out(draw: Any, tmp_path: Path, text: str) -> None:
    """S048: it is named, and the other folders are taken."""
    write(draw("set/a", "1.png"), multiply=text)
    write(draw("set/b", "2.png"), multiply="2")
    write(draw("set/c", "3.png"), loss_scale=text)
    plan = plan_import(tmp_path / "set", "everydream")
    assert [each.name for each in plan.subsets] == ["b"]
    assert [Path(each.path).name for each in plan.ignored] == ["a", "c"]
    assert all("which is no number" in each.reason for each in plan.ignored)


def test_a_number_nobody_means_leaves_that_folder_out(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    write(draw("set/a", "1.png"), multiply="1e9")
    write(draw("set/b", "2.png"), multiply="2")
    plan = plan_import(tmp_path / "set")
    assert "more than 1,000,000" in plan.ignored[0].reason
    assert carry_out(collection, plan).subsets == ("b",)


def test_pictures_without_a_caption_are_told(draw: Any, tmp_path: Path) -> None:
    draw("set/a", "1.png", text="x")
    write(tmp_path / "set/a", multiply="1")
    assert plan_import(tmp_path / "set").notes == ()
    draw("set/b", "2.png")
    assert "name as its caption" in plan_import(tmp_path / "set").notes[0]
