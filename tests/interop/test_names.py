"""Names in metadata and on the disk: Windows, macOS, endings; a plan counts what the import then finds."""

from __future__ import annotations

import json
import tarfile
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from curator.index.collection import Collection
from curator.interop.apply import carry_out
from curator.interop.folders import OF_WINDOWS
from curator.interop.layouts import plan_import
from curator.interop.matching.names import spellings
from curator.interop.matching.word_import import HAS_WORDS, NOT_HERE, SAYS_NOTHING, count_annotations
from curator.scan.scan import scan


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.mark.parametrize(
    ("on_disk", "named"),
    [
        ("a.png", "a.png"),
        ("sub/a.png", "sub\\a.png"),
        ("sub/a.png", ".\\sub\\a.png"),
        ("sub/a.png", "./sub/a.png"),
        (nfd("café.png"), nfc("café.png")),
        (nfc("café.png"), nfd("café.png")),
        (nfd("café/") + nfc("é.png"), nfc("café/é.png")),
        (nfc("café/") + nfd("é.png"), nfc("café/é.png")),
        (nfd("café/é.png"), nfc("café\\é.png")),
        ("IMG_1.JPG", "IMG_1.jpg"),
        ("IMG_1.jpg", "IMG_1.JPG"),
        (nfd("é.PNG"), nfc("é.png")),
        ("odd\\name.png", "odd\\name.png"),
    ],
)
@pytest.mark.parametrize("scanned", [False, True])
def test_one_name_spelled_otherwise(
    draw: Any, tmp_path: Path, collection: Collection, on_disk: str, named: str, scanned: bool
) -> None:
    draw(f"set/{on_disk.rpartition('/')[0]}", on_disk.rpartition("/")[2])
    folder = tmp_path / "set"
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": named, "text": "found"}))
    if scanned:
        scan(collection, folder)
    plan = plan_import(folder)
    assert dict(count_annotations(plan, collection.folder).funnel) == {"kept": 1}
    assert dict(carry_out(collection, plan).words.funnel) == {"kept": 1}


@pytest.mark.parametrize("key", ["sub\\caf\u00e9", "sub/cafe\u0301"])
def test_a_key_of_kohya_without_its_ending(
    draw: Any, tmp_path: Path, collection: Collection, key: str
) -> None:
    """Whichever of two keys for the name is a text; a null before it counts for nothing."""
    draw("set/sub", nfd("caf\u00e9.png"))
    (tmp_path / "m.jsonl").write_text(json.dumps({"image_path": None, "file_name": key, "tags": "x"}))
    plan = plan_import(tmp_path / "m.jsonl", "kohya-json", images=tmp_path / "set")
    assert dict(carry_out(collection, plan).words.funnel) == {"kept": 1}


def test_the_very_name_comes_before_another_spelling(
    draw: Any, tmp_path: Path, collection: Collection
) -> None:
    draw("set", "a.jpg", "a.JPG", "b.JPG")
    rows = [
        {"file_name": "a.jpg", "text": "small"},
        {"file_name": "a.JPG", "text": "large"},
        {"file_name": "b.jpg", "text": "b"},
    ]
    (tmp_path / "set/metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    carry_out(collection, plan_import(tmp_path / "set"))
    ids = collection.images.alive().to_array().tolist()
    assert {row.name: row.caption for row in collection.rows(ids)} == {
        "a.jpg": "small",
        "a.JPG": "large",
        "b.JPG": "b",
    }


@pytest.mark.parametrize("name", ["C:\\data\\a.png", "d:/data/a.png", "\\\\box\\share\\a.png"])
@pytest.mark.parametrize("layout", ["imagefolder", "kohya-json", "scores"])
def test_a_drive_of_windows_is_told(draw: Any, tmp_path: Path, name: str, layout: str) -> None:
    folder = draw("set", "a.png")
    key = "image_path" if layout == "kohya-json" else "file_name"
    (folder / "metadata.jsonl").write_text(json.dumps({key: name, "text": "x", "caption": "x", "value": 1}))
    path = folder if layout == "imagefolder" else folder / "metadata.jsonl"
    report = count_annotations(plan_import(path, layout))
    assert (dict(report.funnel), report.warnings[OF_WINDOWS]) == ({NOT_HERE: 1}, 1)


def test_other_spellings_stay_in_the_folder() -> None:
    assert spellings("plain.png") == ["plain.PNG"]
    assert not any(each.startswith("../") for each in spellings("..\\..\\etc\\é.png"))


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("before", ["nothing", "scanned", "half"])
def test_a_plan_counts_what_the_import_does(
    draw: Any, tmp_path: Path, collection: Collection, before: str, replace: bool
) -> None:
    """Words beside images, hidden ones, images that went, and rows that say nothing, before and after a scan."""
    folder = draw("set", "new.png", "gone.png", "empty.png", "said.png", "free.gif")
    draw("set", "tagged.png", text="a, b")
    draw("set", "same.png", text="x")
    draw("set/.hidden", "h.png")
    draw("set/late", "l.png")
    (folder / "free.caption").write_text("free")
    if before == "scanned":
        scan(collection, folder)
    elif before == "half":
        scan(collection, folder / "late")
    (folder / "gone.png").unlink()
    rows: list[dict[str, Any]] = [
        {"file_name": "new.png", "tags": "x"}, {"file_name": "gone.png", "tags": "x"}, {"file_name": "empty.png"},
        {"file_name": "tagged.png", "tags": "x"}, {"file_name": "same.png", "tags": "x"},
        {"file_name": "free.gif", "text": "other"}, {"file_name": ".hidden/h.png", "text": "x"},
        {"file_name": "late\\l.PNG", "text": "x"}, {"file_name": "said.png", "text": "one"},
        {"file_name": "said.png", "text": "two"}, {"file_name": "notes.txt", "text": "x"}, {},
    ]  # fmt: skip
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "notes.txt").write_text("no image")
    plan = plan_import(folder)
    planned = count_annotations(plan, collection.folder, replace_annotations=replace)
    done = carry_out(collection, plan, replace_annotations=replace).words
    assert planned == done
    assert done.funnel[NOT_HERE] == 3
    assert done.funnel[SAYS_NOTHING] == 1
    assert done.funnel[HAS_WORDS] == (0 if replace else 3)


def test_a_plan_knows_pictures_in_a_tar(draw: Any, tmp_path: Path, collection: Collection) -> None:
    folder = draw("set", "a.png")
    with tarfile.open(folder / "shard.tar", "w") as tar:
        tar.add(folder / "a.png", "b.png")
    scan(collection, folder)
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "shard.tar/b.png", "text": "x"}))
    plan = plan_import(folder)
    assert count_annotations(plan, collection.folder) == carry_out(collection, plan).words
    assert "x" in {row.caption for row in collection.rows([1, 2])}
