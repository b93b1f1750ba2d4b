"""Data sets of other tools, from public bug reports: what is in them is taken, and what is not is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

Case = Callable[[str], Path]


class Expected(NamedTuple):
    """A case: how it is imported, and what is known of its images then."""

    name: str
    words: tuple[str, ...]
    funnel: dict[str, int]
    understood: dict[str, int]
    shown: dict[str, tuple[list[str], str]]  # tags and caption by name


CASES = [
    Expected(  # KohakuBlueleaf/HakuBooru, dataset/db.py: ratings by number, tags in a table of their own
        "06-hakubooru-dump", ("danbooru2023.db", "--layout", "booru"), {"kept": 2, "deleted": 1},
        {"tags": 2, "rating": 2, "score": 2, "favourites": 2, "date": 2},
        {"1001.png": (["1girl", "long hair", "some artist"], ""), "1002.png": (["1girl", "hero (game)"], ""),
         "1003.png": ([], "")},
    ),
    Expected(  # zer0int/CLIP-fine-tune#1: several captions an image
        "08-kept-but-nothing", ("p",), {"kept": 2}, {"caption": 2},
        {"a.png": ([], "a cat on a sofa\na tabby at home"), "b.png": ([], "plain")},
    ),
    Expected(  # mikf/gallery-dl#6267: tags as an object of lists, a score as an object
        "09-e621-tags-import", ("p", "--layout", "gallery-dl"), {"kept": 1},
        {"tags": 1, "rating": 1, "score": 1, "favourites": 1, "date": 1},
        {"e621_1.png": (["anthro", "outside", "some artist", "hero", "dragon", "hi res"], "")},
    ),
    Expected(  # Bionus/imgbrd-grabber#3542: whatever a scan takes has its metadata taken
        "11-gif-json", ("p", "--layout", "gallery-dl"), {"kept": 2}, {"tags": 2, "rating": 2, "favourites": 2},
        {"a.gif": (["1girl", "solo"], ""), "b.jpg": (["1girl", "solo"], "")},
    ),
    Expected(  # mikf/gallery-dl#1138: a date in the site's own words, and another beside it
        "13-gelbooru-date", ("p", "--layout", "gallery-dl"), {"kept": 1},
        {"tags": 1, "rating": 1, "score": 1, "date": 1}, {"gel_2.jpg": (["1girl", "blue eyes", "solo"], "")},
    ),
    Expected(  # modelscope/DiffSynth-Studio#1190: names written on Windows
        "15-backslash-imagefolder", ("p",), {"kept": 1}, {"caption": 1}, {"a.png": ([], "cat one")},
    ),
    Expected(  # bmaltais/kohya_ss#2761: one file of full paths, kept elsewhere
        "17-plan-full-paths", ("meta/cap.json", "--layout", "kohya-json"), {"kept": 2}, {"tags": 2},
        {"a.png": (["cat"], ""), "b.png": (["dog"], "")},
    ),
    Expected(  # mikf/gallery-dl#3236: one list of all posts
        "42-json-array-dump", ("a.json", "--layout", "booru"), {"kept": 1, "no such image here": 1},
        {"tags": 1, "rating": 1}, {"11.png": (["1girl", "solo"], "")},
    ),
]  # fmt: skip


@pytest.mark.parametrize("expected", CASES, ids=[each.name for each in CASES])
def test_what_is_there_is_taken(case: Case, frieze: Any, expected: Expected) -> None:
    """S009; the plan counts what the import then does."""
    folder = case(expected.name)
    for file in folder.glob("meta/*.json"):
        file.write_text(file.read_text().replace("@", str(folder)))
    assert frieze("scan", "p", "--collection", ".").code == 0
    for planned in (["--plan"], []):
        done = frieze("import", "--yes", *expected.words, *planned, "--json")
        assert done.code == 0
        funnel = {each["reason"]: each["count"] for each in done.json["funnel"]}
        assert (funnel, done.json["understood"]) == (expected.funnel, expected.understood)
    rows = frieze("ls", "--columns", "name,tags,caption", "--json").json
    assert {row["name"]: (row["tags"], row["caption"]) for row in rows} == expected.shown


def test_ratings_by_number_classes_and_dates_are_those_of_the_site(case: Case, frieze: Any) -> None:
    case("06-hakubooru-dump")
    frieze("scan", "p", "--collection", ".")
    frieze("import", "--yes", "danbooru2023.db", "--layout", "booru")
    assert frieze("ls", "rating:general", "--count").out.strip() == "1"
    assert frieze("ls", "rating:explicit posted:2021", "--count").out.strip() == "1"
    classes = {row["name"]: row["class"] for row in frieze("tag", "list", "--json").json}
    assert (classes["some artist"], classes["hero (game)"]) == ("artist", "character")


def test_a_date_beside_one_that_cannot_be_read_counts(case: Case, frieze: Any) -> None:
    case("13-gelbooru-date")
    frieze("scan", "p", "--collection", ".")
    frieze("import", "--yes", "p", "--layout", "gallery-dl")
    assert frieze("ls", "posted:2022-10-01", "--count").out.strip() == "1"


def test_names_that_a_mac_took_apart_are_found(case: Case, frieze: Any) -> None:
    """llmsresearch/paperbanana#240"""
    case("33-nfd-names")
    frieze("scan", "p", "--collection", ".")
    for planned in (["--plan"], []):
        assert frieze("import", "--yes", "p", *planned, "--json").json["funnel"] == [
            {"reason": "kept", "count": 1}
        ]
    assert [row["caption"] for row in frieze("ls", "--columns", "caption", "--json").json] == ["hello"]


def test_a_picture_too_small_for_its_dataset_is_skipped(case: Case, frieze: Any) -> None:
    """kohya-ss/sd-scripts#2273"""
    from PIL import Image

    folder = case("37-skip-image-resolution")
    Image.new("RGB", (1000, 700)).save(folder / "p/large.png")
    done = frieze("import", "d.toml", "--plan", "--json")
    assert [(each["name"], each["images"]) for each in done.json["subsets"]] == [("p", 2), ("p 2", 1)]
    assert frieze("import", "--yes", "d.toml", "--collection", ".").code == 0
    filters = {each["name"]: each["filter"] for each in frieze("subset", "list", "--json").json}
    assert frieze("ls", filters["p 2"], "--columns", "name").lines == ["large.png"]


@pytest.mark.parametrize("folder", ["proj", "proj/img/10_a"])
def test_the_folder_above_or_below_is_not_it_and_the_right_one_is_named(
    case: Case, frieze: Any, folder: str
) -> None:
    """bmaltais/kohya_ss#3374, #1725"""
    home = case("43-project-folder")
    for planned in (["--plan"], ["--collection", "."]):
        done = frieze("import", "--yes", folder, "--layout", "kohya-folders", *planned)
        assert done.code == 2
        assert f"did you mean {home / 'proj/img'}?" in done.err
    assert not (home / "frieze.db").exists()


def test_metadata_with_a_name_that_is_nearly_right_is_named(case: Case, frieze: Any) -> None:
    """huggingface/diffusers#2099"""
    case("51-misnamed-metadata")
    done = frieze("import", "--yes", "m", "--layout", "imagefolder")
    assert done.code == 2
    assert "metadata.json1 or metadata1000.jsonl" in done.err


def test_one_folder_in_several_resolutions_is_told(case: Case, frieze: Any) -> None:
    """bmaltais/kohya_ss#2723"""
    case("54-multires-toml")
    notes = frieze("import", "d.toml", "--plan", "--json").json["notes"]
    assert sum("a collection has one rule" in note for note in notes) == 2
    assert sum("has only what 'p' leaves" in note for note in notes) == 2


def test_what_everydream_reads_and_frieze_does_not_is_told(case: Case, frieze: Any) -> None:
    """victorchall/EveryDream2trainer#76"""
    case("55-everydream-names")
    done = frieze("import", "set", "--plan", "--layout", "everydream")
    assert "its multiply is '2,5', which is no number" in done.out
    assert "takes an image's name as its caption" in done.out
    assert "yaml files of single images are not read" in done.out


@pytest.mark.parametrize(
    ("file", "text", "layout", "hint"),
    [
        ("m.json", '{"gone.png": {"tags": "x"}}', "kohya-json", "--images"),
        ("posts.jsonl", '{"id": 5, "tag_string": "x"}', "booru", "scan the images first"),
        ("posts.jsonl", '{"id": 5, "is_deleted": true}', "booru", "deleted"),
        ("posts.jsonl", "", "booru", "has no rows"),
        ("s.csv", "path,score\ngone.png,1\n", "scores", "--images"),
    ],
)
def test_an_import_that_reached_no_picture_does_not_end_with_0(
    collection: Path, frieze: Any, file: str, text: str, layout: str, hint: str
) -> None:
    (collection / file).write_text(text)
    for planned in (["--plan"], []):
        done = frieze("import", "--yes", collection / file, "--layout", layout, *planned)
        assert done.code == 2
        assert hint in done.err


def test_rows_without_one_word_are_a_warning(collection: Path, frieze: Any) -> None:
    (collection / "m.jsonl").write_text('{"image_path": "pictures/fox.png", "image_size": [1, 1]}')
    done = frieze("import", "--yes", collection / "m.jsonl", "--layout", "kohya-json")
    assert "says nothing that is understood" in done.out
    assert "no tags and no captions were found" in done.out
