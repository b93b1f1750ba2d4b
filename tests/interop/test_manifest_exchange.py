"""Manifests for other programs, and back again; what differs between two (B07)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.manifest.digest import verify_digest
from curator.contract.manifest.manifest import open_manifest
from curator.filter.evaluate import select
from curator.freeze.diff import diff
from curator.freeze.members import spec_of
from curator.index.bucket_rule import set_bucket_rule
from curator.index.changes.edits import AddTags, SetCaption
from curator.index.collection import Collection
from curator.index.tables.rows import Subset
from curator.interop.apply import carry_out
from curator.interop.kohya.dataset_file import plan_kohya_toml
from curator.interop.layouts import plan_import
from curator.interop.manifests.jsonl import read_jsonl, write_jsonl
from curator.interop.manifests.kohya import planned_kohya, write_kohya_folders, write_kohya_json
from curator.interop.manifests.tables import write_imagefolder, write_parquet
from curator.scan.scan import scan
from tests.freezing import freeze, members_of


@pytest.fixture
def home(draw: Any, collection: Collection) -> Collection:
    draw("set/cats", "a.png", "b.png", text="1girl, cat, smile")
    folder = draw("set/dogs", "a.png", text="dog")
    odd = os.fsencode(folder) + b"/caf\xe9.png"
    Path(os.fsdecode(odd)).write_bytes((folder / "a.png").read_bytes() + b"0")
    scan(collection, folder.parent)
    collection.apply(SetCaption("a dog  runs"), [3])
    rules = CaptionRules(shuffle=True, keep_tags=1, trigger="sls", prefix="photo of", wildcards=True)
    collection.subsets.save(Subset("cats & co", "cat", 2.5, flip=True, rules=rules))
    collection.subsets.save(Subset("dogs", "-cat", 1, loss_weight=0.5, crop="random", mask="alpha"))
    return collection


def frozen(collection: Collection, name: str) -> Path:
    spec = spec_of(collection)
    path = collection.folder / f"{name}.manifest"
    freeze(collection, spec, members_of(collection, spec), path)
    return path


def exported(manifest: Path, target: Path) -> Path:
    with open_manifest(manifest) as opened, target.open("w") as file:
        write_jsonl(opened, file)
    return target


def test_an_export_becomes_the_same_manifest_again(home: Collection, tmp_path: Path) -> None:
    path = frozen(home, "first")
    file = exported(path, tmp_path / "m.jsonl")
    digest = read_jsonl(file, tmp_path / "again.manifest")
    with open_manifest(path) as one, open_manifest(tmp_path / "again.manifest") as other:
        verify_digest(other)
        assert digest == one.digest == other.digest
        assert one.header == other.header
        assert list(one.images()) == list(other.images())
        assert diff(one, other).equal


def test_ways_of_subsets_come_along(home: Collection, tmp_path: Path) -> None:
    """S045: regularisation, crops, masks, resampling and crop inputs, to one's own export and to kohya's file."""
    home.subsets.save(Subset("dogs", "-cat", 1, loss_weight=0.5, is_reg=True, crop="face", mask="file"))
    set_bucket_rule(home, replace(spec_of(home).rule, resample="lanczos", crop_inputs="letterbox"))
    path = frozen(home, "first")
    read_jsonl(exported(path, tmp_path / "m.jsonl"), tmp_path / "again.manifest")
    with open_manifest(path) as one, open_manifest(tmp_path / "again.manifest") as other:
        assert one.header == other.header
        assert [one.tag_counts(n) for n in (0, 1)] == [other.tag_counts(n) for n in (0, 1)]
        (_, dogs) = other.header.subsets
        assert (dogs.is_reg, dogs.crop, dogs.mask, other.header.rule.resample) == (
            True,
            "face",
            "file",
            "lanczos",
        )
        assert set(one.tag_classes()) == {"sls", "1girl", "cat", "smile", "dog"}
        made = write_kohya_folders(one, tmp_path / "out", copy=False)
    assert [*made.notes[1:]] == [
        "dogs: crops around faces become crops of the middle",
        "dogs: its mask files have no place in kohya's file",
        "dogs: its loss weight is --prior_loss_weight 0.5",
    ]
    plan = plan_kohya_toml(tmp_path / "out/dataset.toml")
    assert [each.is_reg for each in plan.subsets] == [False, True]
    assert plan.rule is not None
    assert plan.rule.resample == "lanczos"


@pytest.mark.parametrize("how", ["cut", "short", "changed", "other", "empty"])
def test_a_changed_export_is_refused(home: Collection, tmp_path: Path, how: str) -> None:
    file = exported(frozen(home, "first"), tmp_path / "m.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    text = {
        "cut": "".join(lines)[:-30],
        "short": "".join(lines[:-1]),
        "changed": "".join(lines).replace('"smile"', '"frown"'),
        "other": '{"format": "x"}\n',
        "empty": "",
    }[how]
    file.write_text(text)
    with pytest.raises(UserError):
        read_jsonl(file, tmp_path / "again.manifest")
    assert not (tmp_path / "again.manifest").exists()
    assert not list(tmp_path.glob(".*import*"))


def test_kohya_folders_can_be_read_by_kohyas_rules(home: Collection, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with open_manifest(frozen(home, "first")) as manifest:
        planned = planned_kohya(manifest, with_folders=True)
        assert not target.exists()
        made = write_kohya_folders(manifest, target, copy=False)
    assert made == planned
    assert [(each.name, each.images, each.repeats) for each in made.folders] == [
        ("2_cats - co", 2, 2.5),
        ("1_dogs", 2, 1.0),
    ]
    assert [*made.notes] == [
        "cats & co: repeats 2.5 become 2",
        "dogs: its loss weight 0.5 has no place in kohya's file",
    ]
    plan = plan_kohya_toml(target / "dataset.toml")
    cats, dogs = plan.subsets
    assert (cats.folder.name, cats.images, cats.repeats, cats.flip) == ("2_cats - co", 2, 2.0, True)
    assert (cats.rules.keep_separator, cats.rules.prefix, cats.rules.wildcards) == ("|||", "photo of", True)
    assert (dogs.images, plan.rule) == (2, spec_of(home).rule)
    assert (dogs.crop, dogs.mask, cats.crop) == ("random", "alpha", "center")
    assert {file.read_text() for file in cats.folder.glob("*.txt")} == {"sls, 1girl ||| cat, smile\n"}
    assert {file.read_text() for file in dogs.folder.glob("*.txt")} == {"dog, a dog runs\n", "\n"}
    assert plan_import(target, "kohya-folders").subsets[1].class_tokens == "cats - co"
    with open_manifest(frozen(home, "first")) as manifest, pytest.raises(UserError, match="not empty"):
        write_kohya_folders(manifest, target, copy=False)
    os.mkfifo(tmp_path / "pipe")
    with (
        open_manifest(frozen(home, "first")) as manifest,
        pytest.raises(UserError, match="pipe is no folder"),
    ):
        write_kohya_folders(manifest, tmp_path / "pipe", copy=False)


def test_a_tree_with_multiply_becomes_flat_folders(draw: Any, collection: Collection, tmp_path: Path) -> None:
    """S048: `<n>_a-b` for the folder a/b; images keep their names, what is lost is told, and a fraction too."""
    draw("set/a/b", "1.png", "2.jpg")
    draw("set/c", "1.png")
    (tmp_path / "set/a/b/multiply.txt").write_text("2.5")
    (tmp_path / "set/c/multiply.txt").write_text("3")
    carry_out(collection, plan_import(tmp_path / "set", "everydream"))
    with open_manifest(frozen(collection, "first")) as manifest:
        planned = planned_kohya(manifest, with_folders=True)
        assert write_kohya_folders(manifest, tmp_path / "flat", copy=True) == planned
    assert [(each.name, each.images, each.repeats) for each in planned.folders] == [
        ("2_a-b", 2, 2.5),
        ("3_c", 1, 3.0),
    ]
    assert planned.notes == ("a/b: repeats 2.5 become 2",)
    images = [path for path in (tmp_path / "flat").rglob("*") if path.suffix in (".png", ".jpg")]
    assert {str(path.relative_to(tmp_path / "flat")) for path in images} == {
        "2_a-b/1.png",
        "2_a-b/2.jpg",
        "3_c/1.png",
    }


def test_images_whose_captions_would_be_one_file_are_told(
    draw: Any, collection: Collection, tmp_path: Path
) -> None:
    """Two names with one stem in a folder, and a name that looks like one that was numbered."""
    draw("set/a", "1.png", "2.png", "0000007-x.png", text="a")
    draw("set/b", "1.jpg", text="b")
    scan(collection, tmp_path / "set")
    for name in ("a-b", "a b", "a_b"):
        collection.subsets.save(Subset(name, "" if name == "a-b" else "unicorn"))
    with open_manifest(frozen(collection, "first")) as manifest:
        made = write_kohya_folders(manifest, tmp_path / "out", copy=False)
    assert made.notes == (
        "several subsets become a-b: their numbers stand behind it",
        "1 name is of several images of a folder: the image's row stands before each",
    )
    (folder,) = (tmp_path / "out" / each.name for each in made.folders if each.images)
    names = {path.name[7:] if path.name[0] == "0" else path.name for path in folder.glob("*.*g")}
    assert names == {"-1.jpg", "-1.png", "-0000007-x.png", "2.png"}
    assert {file.read_text() for file in folder.glob("*-1.txt")} == {"a\n", "b\n"}


def test_kohya_json_can_be_read_by_kohyas_rules(home: Collection, tmp_path: Path) -> None:
    with open_manifest(frozen(home, "first")) as manifest:
        write_kohya_json(manifest, tmp_path / "out")
    entries = json.loads((tmp_path / "out/2_cats - co.json").read_text())
    assert {entry["tags"] for entry in entries.values()} == {"sls, 1girl ||| cat, smile"}
    assert all(Path(key).is_file() for key in entries)
    plan = plan_kohya_toml(tmp_path / "out/dataset.toml")
    assert [each.images for each in plan.subsets] == [2, 2]
    with Collection.create(tmp_path / "other") as other:
        carry_out(other, plan)
        assert [len(select(other, each.filter)) for each in other.subsets.list()] == [2, 2]
        assert "sls" not in {tag.name for tag in other.all_tags() if not tag.count}


def test_an_imagefolder_with_copies(home: Collection, tmp_path: Path) -> None:
    with open_manifest(frozen(home, "first")) as manifest:
        write_imagefolder(manifest, tmp_path / "out", copy=True)
    lines = [json.loads(line) for line in (tmp_path / "out/metadata.jsonl").read_text().splitlines()]
    assert len(lines) == 4
    assert all((tmp_path / "out" / line["file_name"]).is_file() for line in lines)
    assert not any((tmp_path / "out" / line["file_name"]).is_symlink() for line in lines)
    assert sorted(line["text"] for line in lines)[-1] == "sls, 1girl, cat, smile"


def test_parquet(home: Collection, tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    with open_manifest(frozen(home, "first")) as manifest:
        write_parquet(manifest, tmp_path / "m.parquet")
    rows = parquet.read_table(tmp_path / "m.parquet").to_pylist()
    assert len(rows) == 4
    assert sorted(row["subset"] for row in rows) == ["cats & co", "cats & co", "dogs", "dogs"]
    assert any(row["path"].endswith("caf\\xe9.png") for row in rows)


def test_what_differs(home: Collection, draw: Any) -> None:
    """B07"""
    first = frozen(home, "first")
    home.apply(AddTags(("new",)), [1])
    folder = draw("set/cats", "more.png", text="cat")
    (folder / "b.png").rename(folder / "moved.png")
    (folder / "b.txt").rename(folder / "moved.txt")
    (folder.parent / "dogs/a.png").unlink()
    scan(home, folder.parent)
    (cats, _) = home.subsets.list()
    home.subsets.save(replace(cats, repeats=3, rules=replace(cats.rules, keep_tags=2)))
    set_bucket_rule(home, replace(spec_of(home).rule, min_side=128))
    with open_manifest(first) as one, open_manifest(frozen(home, "second")) as other:
        found = diff(one, other)
        assert diff(one, one).equal
    assert not found.equal
    assert found.rule == {"min_side": (256, 128)}
    assert found.subsets_changed == {"cats & co": {"repeats": (2.5, 3.0), "rules.keep_tags": (1, 2)}}
    counts = {each.what: each.images for each in found.images}
    assert counts == {"caption": 2, "repeats": 2, "moved": 1, "added": 1, "removed": 1}
    assert next(each for each in found.images if each.what == "added").examples == ("cats/more.png",)


def test_subsets_come_and_go(home: Collection) -> None:
    first = frozen(home, "first")
    home.subsets.remove("dogs")
    home.subsets.save(Subset("rest", "-cat", 1))
    with open_manifest(first) as one, open_manifest(frozen(home, "second")) as other:
        found = diff(one, other)
        assert [[len(each.examples) for each in diff(one, other, named).images] for named in (1, None)] == [
            [1],
            [2],
        ]
    assert (found.subsets_added, found.subsets_removed) == (("rest",), ("dogs",))
    assert {each.what: each.images for each in found.images} == {"subset": 2}
