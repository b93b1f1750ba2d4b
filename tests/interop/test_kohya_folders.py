"""kohya's training folders: repeats and class tokens by name (S044, S045, S047)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import UserError
from curator.contract.recipe.recipe import BatchSize
from curator.filter.evaluate import select
from curator.freeze.members import spec_of
from curator.index.collection import Collection
from curator.interop.apply import carry_out
from curator.interop.kohya.folders import parse_folder_name
from curator.interop.layouts import detected, plan_import
from tests.freezing import preview_of


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("10_sls frog", (10, "sls frog")),
        ("007_a_b", (7, "a_b")),
        ("+2_x", (2, "x")),
        (" 3_x", (3, "x")),
        ("5", (5, "")),
        ("1_1girl", (1, "1girl")),
    ],
)
def test_names_as_python_reads_numbers(name: str, parsed: tuple[int, str]) -> None:
    """S044"""
    assert parse_folder_name(name) == parsed


@pytest.mark.parametrize(
    "name",
    ["frog", "2.5_frog", "0_frog", "-1_frog", "_frog", "x10_frog", "1000001_frog", f"{'9' * 400}_frog"],
)
def test_other_names_are_left_out_with_a_reason(name: str) -> None:
    """S044: negative and zero repeats, and names without a number."""
    assert isinstance(parse_folder_name(name), str)


def test_the_plan_writes_nothing_and_names_what_is_left_out(draw: Any, tmp_path: Path) -> None:
    draw("train/10_sls frog", "a.png", "b.JPG")
    draw("train/10_sls frog/deeper", "c.png")
    draw("train/frogs", "d.png")
    draw("train/3_empty")
    draw("train", "stray.png")
    plan = plan_import(tmp_path / "train", "kohya-folders")
    (subset,) = plan.subsets
    assert (subset.name, subset.folder) == ("10_sls frog", tmp_path / "train/10_sls frog")
    assert (subset.repeats, subset.class_tokens, subset.images, subset.is_reg) == (10, "sls frog", 2, False)
    assert {Path(each.path).name for each in plan.ignored} == {
        "deeper",
        "frogs",
        "3_empty",
        "stray.png",
    }
    assert detected(tmp_path / "train") == "kohya-folders"


def test_an_import_makes_subsets_of_exactly_these_folders(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    draw("train/10_sls frog", "a.png", "b.png", text="frog, green")
    draw("train/10_sls frog", "bare.png")
    draw("train/10_sls frog/deeper", "c.png")
    draw("train/2_sls [frog] (x)", "d.png")
    report = carry_out(collection, plan_import(tmp_path / "train", "kohya-folders"))
    assert report.subsets == ("10_sls frog", "2_sls [frog] (x)")
    names = {each.name: [row.name for row in collection.rows(select(collection, each.filter).ids.tolist())]
             for each in collection.subsets.list()}  # fmt: skip
    assert sorted(names["10_sls frog"]) == ["a.png", "b.png", "bare.png"]
    assert names["2_sls [frog] (x)"] == ["d.png"]
    assert report.captioned == 2
    (bare,) = select(collection, "name:bare").ids.tolist()
    assert [tag.name for tag in collection.tags_of(bare)] == ["sls frog"]
    with pytest.raises(UserError, match="already"):
        carry_out(collection, plan_import(tmp_path / "train", "kohya-folders"))


def test_folders_that_differ_in_case_alone_or_have_odd_names(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    for name in ("1_A", "1_a", "2_[x] (y) $^*", "3_a 'b' \"c\"", "4_new\nline", os.fsdecode(b"5_caf\xe9")):
        draw(f"train/{name}", "x.png")
    carry_out(collection, plan_import(tmp_path / "train", "kohya-folders"))
    subsets = collection.subsets.list()
    assert len(subsets) == 6
    assert [len(select(collection, each.filter)) for each in subsets] == [1] * 6


def test_regularisation_is_balanced_and_its_surplus_told(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    """S045, S047: two identifiers, one class; kohya would show as many reg samples as training ones."""
    draw("train/10_sls 1girl", "a.png", "b.png")
    draw("train/10_cpc 1girl", "c.png")
    draw("reg/1_1girl", *[f"r{i}.png" for i in range(60)])
    plan = plan_import(tmp_path / "train", "kohya-folders", reg=tmp_path / "reg")
    assert [each.is_reg for each in plan.subsets] == [False, False, True]
    assert "30 are surplus" in plan.notes[-1]
    carry_out(collection, plan)
    saved = {each.name: (each.repeats, each.is_reg) for each in collection.subsets.list()}
    assert saved == {"10_sls 1girl": (10, False), "10_cpc 1girl": (10, False), "1_1girl": (1, True)}
    assert samples(collection) == {"10_sls 1girl": 20, "10_cpc 1girl": 10, "1_1girl": 30}


def samples(collection: Collection) -> dict[str, int]:
    """What a freeze makes of the subsets."""
    spec = spec_of(collection)
    shown = preview_of(collection, spec, BatchSize())
    return {each.name: each.samples for each in shown.subsets}


def test_too_few_regularisation_pictures_are_shown_more_often(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    """S045"""
    draw("train/10_a b", "a.png", "b.png")
    draw("reg/1_b", *[f"r{i}.png" for i in range(8)])
    plan = plan_import(tmp_path / "train", "kohya-folders", reg=tmp_path / "reg")
    assert "more often" in plan.notes[-1]
    carry_out(collection, plan)
    assert samples(collection) == {"10_a b": 20, "1_b": 20}


def test_the_plan_counts_the_pictures_that_the_subset_will_have(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    """Whatever a scan takes for an image, in small letters or large; a folder behind a link is not of it."""
    folder = draw("train/2_a", "a.png", "b.JPG", "c.gif", "d.jfif", ".hidden.png")
    (folder / "notes.txt").write_text("x")
    (folder / "more").symlink_to(draw("other", "e.png"))
    plan = plan_import(tmp_path / "train", "kohya-folders")
    carry_out(collection, plan)
    assert plan.subsets[0].images == 4 == len(select(collection, "subset:2_a"))


@pytest.mark.parametrize("given", ["train", "train/img/2_a", "train/img/2_a/deep"])
def test_a_folder_near_the_right_one(draw: Any, tmp_path: Path, given: str) -> None:
    draw("train/img/2_a", "a.png")
    draw("train/img/2_a/deep", "b.png")
    with pytest.raises(UserError) as error:
        plan_import(tmp_path / given, "kohya-folders")
    assert ("did you mean" in error.value.hint) is not given.endswith("deep")


def test_regularisation_folders_that_are_none(draw: Any, tmp_path: Path) -> None:
    draw("train/2_a", "a.png")
    draw("reg", "b.png")
    with pytest.raises(UserError, match="reg"):
        plan_import(tmp_path / "train", "kohya-folders", reg=tmp_path / "reg")
