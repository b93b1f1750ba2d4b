"""Caption files as kohya reads them (S024, S049): the first line, or one of several drawn for each sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curator.filter.evaluate import select
from curator.freeze.captions import captions_of
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.interop.apply import carry_out
from curator.interop.kohya.dataset_file import plan_kohya_toml
from curator.interop.layouts import plan_import
from curator.interop.matching.word_import import count_annotations
from curator.scan.scan import scan

LINES = "a cat, red\r\n\r\n a {big|huge} dog, blue \r\n"


def dataset(home: Path, **keys: object) -> Path:
    """A dataset file with one subset of the folder `set`."""
    words = {True: "true", False: "false"}
    lines = [
        f"{key} = {words.get(value, repr(value)) if isinstance(value, bool) else repr(value)}"
        for key, value in keys.items()
    ]
    subset = "\n".join(
        ["[[datasets]]", "resolution = 64", "[[datasets.subsets]]", "image_dir = 'set'", *lines]
    )
    (home / "data.toml").write_text(subset)
    return home / "data.toml"


def words(collection: Collection, name: str) -> tuple[list[str], str]:
    (image,) = select(collection, f"name:{name}").ids.tolist()
    return [tag.name for tag in collection.tags_of(image)], collection.rows([image])[0].caption


@pytest.mark.parametrize("ending", [".txt", ".caption", ".words"])
def test_one_of_several_lines_is_drawn_for_each_sample(
    draw: Any, tmp_path: Path, collection: Collection, ending: str
) -> None:
    """S024: with wildcards all lines are kept and one is drawn; a file of one line is read as ever."""
    folder = draw("set", "a.png", "b.png", "c.png")
    (folder / f"a{ending}").write_bytes(b"\xef\xbb\xbf" + LINES.encode())
    (folder / f"b{ending}").write_text("x, y\n")
    carry_out(collection, plan_kohya_toml(dataset(tmp_path, enable_wildcard=True, caption_extension=ending)))
    assert words(collection, "a.png") == ([], "a cat, red\na {big|huge} dog, blue")
    assert ", ".join(filter(None, [*words(collection, "b.png")[0], words(collection, "b.png")[1]])) == "x, y"
    (image,) = select(collection, "name:a.png").ids.tolist()
    drawn = captions_of(collection, [image], range(80))[image]
    assert set(drawn) == {"a cat, red", "a big dog, blue", "a huge dog, blue"}


def test_words_of_ones_own_are_not_taken_for_the_first_line(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    folder = draw("set", "a.png", "b.png")
    for name in ("a", "b"):
        (folder / f"{name}.txt").write_text(LINES)
    scan(collection, folder)
    collection.apply(AddTags(("mine",)), select(collection, "name:a.png").ids.tolist())
    carry_out(collection, plan_kohya_toml(dataset(tmp_path, enable_wildcard=True, caption_extension=".txt")))
    assert words(collection, "a.png")[0] == ["a cat", "red", "mine"]
    assert words(collection, "b.png")[0] == []
    collection.undo()
    collection.undo()
    assert words(collection, "b.png")[0] == ["a cat", "red"]


def test_without_wildcards_only_the_first_line_counts(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    """S024: a scan joins the lines of .caption; kohya trains the first."""
    folder = draw("set", "a.png", "b.png")
    (folder / "a.caption").write_text("one\ntwo\n")
    (folder / "b.caption").write_text("")
    carry_out(collection, plan_kohya_toml(dataset(tmp_path)))
    assert words(collection, "a.png") == ([], "one")
    assert words(collection, "b.png") == ([], "")


def test_a_separator_of_its_own(draw: Any, tmp_path: Path, collection: Collection) -> None:
    folder = draw("set", "a.png", text="a, b; c; a, b")
    assert (folder / "a.txt").exists()
    carry_out(collection, plan_kohya_toml(dataset(tmp_path, caption_separator=";", caption_extension=".txt")))
    assert words(collection, "a.png") == (["a b", "c"], "")


def test_lines_of_metadata_are_kept_for_wildcards(draw: Any, tmp_path: Path, collection: Collection) -> None:
    draw("set", "a.png")
    (tmp_path / "m.json").write_text('{"a.png": {"caption": "one\\ntwo", "tags": "t"}}')
    carry_out(collection, plan_kohya_toml(dataset(tmp_path, metadata_file="m.json", enable_wildcard=True)))
    assert words(collection, "a.png") == (["t"], "one\ntwo")
    (image,) = select(collection).ids.tolist()
    assert set(captions_of(collection, [image], range(40))[image]) == {
        "one, t",
        "two, t",
    }  # the caption first, as kohya


def beside(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.mark.parametrize(
    ("ending", "tokens", "wanted"),
    [
        (".txt", "sls", (["of", "txt"], "")),
        (".caption", "sls", ([], "of caption")),
        (None, "sls", ([], "of caption")),
        (".words", "sls", (["sls"], "")),
        (".words", "", ([], "")),
    ],
)
def test_only_the_files_asked_for_are_trained(
    draw: Any, tmp_path: Path, collection: Collection, ending: str | None, tokens: str, wanted: Any
) -> None:
    """S024: an image with files of several kinds; kohya reads the one asked for, .caption by itself."""
    beside(draw("set", "a.png"), a__txt="of, txt", a__caption="of caption", a__json='{"tags": ["of json"]}')
    keys = {"class_tokens": tokens} | ({"caption_extension": ending} if ending else {})
    plan = plan_kohya_toml(dataset(tmp_path, **keys))
    planned = count_annotations(plan, collection.folder)
    assert planned == carry_out(collection, plan).words
    assert words(collection, "a.png") == wanted


def test_class_tokens_are_trained_where_the_ending_has_no_file(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    folder = draw("set", "a.png", "b.png", "c.png")
    beside(folder, a__txt="some, tags", b__caption="a dog")
    plan = plan_kohya_toml(dataset(tmp_path, class_tokens="sls frog, green"))
    assert any("1 image of" in note and ".caption" in note and "class tokens" in note for note in plan.notes)
    carry_out(collection, plan)
    assert words(collection, "a.png") == (["sls frog", "green"], "")
    assert words(collection, "b.png") == ([], "a dog")
    assert words(collection, "c.png") == (["sls frog", "green"], "")


def test_words_of_ones_own_stay_whatever_the_ending(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    folder = draw("set", "a.png")
    beside(folder, a__txt="some, tags", a__caption="a dog")
    scan(collection, folder)
    collection.apply(AddTags(("mine",)), select(collection).ids.tolist())
    carry_out(collection, plan_kohya_toml(dataset(tmp_path, caption_extension=".caption")))
    assert words(collection, "a.png") == (["some", "tags", "mine"], "a dog")


@pytest.mark.parametrize("ending", [".txt", ".caption", ".words"])
def test_crops_of_faces_have_the_caption_of_their_picture(
    draw: Any, tmp_path: Path, collection: Collection, ending: str
) -> None:
    """Reference: kohya.md 2.2; a file of its own comes first."""
    folder = draw("set", "p_100_120_50_60.png", "p_1_2_3_4.png", "q_1_2_3.png")
    (folder / f"p{ending}").write_text("whole")
    (folder / f"p_1_2_3_4{ending}").write_text("own")
    (folder / f"q{ending}").write_text("other")
    carry_out(collection, plan_kohya_toml(dataset(tmp_path, caption_extension=ending)))
    said = {name: words(collection, name) for name in ("p_100_120_50_60.png", "p_1_2_3_4.png", "q_1_2_3.png")}
    assert [[*tags, *filter(None, [text])] for tags, text in said.values()] == [["whole"], ["own"], []]


def test_crops_of_faces_in_training_folders(draw: Any, tmp_path: Path, collection: Collection) -> None:
    folder = draw("train/2_sls", "p_100_120_50_60.png", "r.png")
    (folder / "p.txt").write_text("face, smile")
    carry_out(collection, plan_import(tmp_path / "train", "kohya-folders"))
    assert words(collection, "p_100_120_50_60.png") == (["face", "smile"], "")
    assert words(collection, "r.png") == (["sls"], "")


@pytest.mark.parametrize(
    ("keys", "trained"),
    [
        ({}, {"a cat, on a mat, x, y"}),
        ({"shuffle_caption": True, "keep_tokens": 1}, {"a cat"}),
        ({"shuffle_caption": True, "keep_tokens": 2}, {"a cat, on a mat"}),
        ({"shuffle_caption": True, "keep_tokens": 3}, {"a cat, on a mat, x"}),
    ],
)
def test_the_caption_of_metadata_stands_before_the_tags(
    draw: Any, tmp_path: Path, collection: Collection, keys: dict[str, Any], trained: set[str]
) -> None:
    """Reference: kohya.md 2.3: caption + separator + tags, so that kept tokens are of the caption."""
    draw("set", "a.png")
    (tmp_path / "m.json").write_text('{"a.png": {"caption": "a cat, on a mat", "tags": "x, y"}}')
    carry_out(collection, plan_kohya_toml(dataset(tmp_path, metadata_file="m.json", **keys)))
    (image,) = select(collection).ids.tolist()
    kept = keys.get("keep_tokens", 4)
    drawn = captions_of(collection, [image], range(40))[image]
    assert {", ".join(caption.split(", ")[:kept]) for caption in drawn} == trained
    assert {frozenset(caption.split(", ")) for caption in drawn} == {
        frozenset(["a cat", "on a mat", "x", "y"])
    }
    assert words(collection, "a.png") == (["x", "y"], "a cat, on a mat")
