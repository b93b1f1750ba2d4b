"""Sidecars written back: only what was read whole, into the file it was read from, and nothing lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from curator.index.collection import Collection
from curator.index.edits import AddTags, RemoveTags, SetCaption
from curator.interop.sidecar_write import write_sidecars
from curator.scan.scan import scan


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    for k, tags in enumerate(["1girl, long_hair", "1girl, Long hair, solo", None]):
        Image.new("RGB", (8, 8), (k, 0, 0)).save(tmp_path / f"{k}.png")
        if tags is not None:
            (tmp_path / f"{k}.txt").write_text(tags)
    scan(made, tmp_path)
    return made


def test_nothing_is_written_but_what_changed(collection: Collection, tmp_path: Path) -> None:
    before = (tmp_path / "0.txt").stat()
    collection.apply(RemoveTags(("solo",)), [2])
    report = write_sidecars(collection, [1, 2, 3])
    assert (report.written, report.unchanged, report.conflicts, report.failed) == (1, 2, [], [])
    assert (tmp_path / "0.txt").stat() == before
    assert (tmp_path / "1.txt").read_text() == "1girl, Long hair\n"
    assert not (tmp_path / "2.txt").exists()
    report = scan(collection, tmp_path)
    assert (report.unchanged, report.reread, report.conflicts) == (3, 0, [])


def test_a_change_from_outside_is_never_overwritten_in_silence(
    collection: Collection, tmp_path: Path
) -> None:
    collection.apply(AddTags(("mine",)), [1, 3])
    (tmp_path / "0.txt").write_text("theirs")
    (tmp_path / "2.txt").write_text("unread")
    report = write_sidecars(collection, [1, 3])
    assert [Path(path).name for path, _ in report.conflicts] == ["0.txt", "2.txt"]
    assert (tmp_path / "0.txt").read_text() == "theirs"
    assert write_sidecars(collection, [1, 3], force=True).written == 2
    assert (tmp_path / "0.txt").read_text() == "1girl, long_hair, mine\n"


def test_permissions_and_links_stay(collection: Collection, tmp_path: Path) -> None:
    store = tmp_path / "store.txt"
    (tmp_path / "0.txt").rename(store)
    store.chmod(0o640)
    (tmp_path / "0.txt").symlink_to(store)
    collection.apply(AddTags(("mine",)), [1])
    assert write_sidecars(collection, [1]).written == 1
    assert (tmp_path / "0.txt").is_symlink()
    assert store.read_text().endswith("mine\n")
    assert store.stat().st_mode & 0o777 == 0o640
    assert not list(tmp_path.glob(".frieze*"))


def test_a_failed_write_leaves_the_old_file(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.apply(AddTags(("mine",)), [1])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    report = write_sidecars(collection, [1])
    assert report.failed == [(str(tmp_path / "0.txt"), "No space left on device")]
    assert (tmp_path / "0.txt").read_text() == "1girl, long_hair"
    assert not list(tmp_path.glob(".frieze*"))


def test_captions_and_json(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "0.json").write_text(json.dumps({"id": 7, "tags": ["old"]}))
    scan(collection, tmp_path)
    collection.apply(SetCaption("a cat\non a mat"), [1])
    assert write_sidecars(collection, [1, 2], ".caption").written == 1
    assert (tmp_path / "0.caption").read_text() == "a cat\non a mat\n"
    assert write_sidecars(collection, [1], ".json").written == 1
    written = json.loads((tmp_path / "0.json").read_text())
    assert written == {"id": 7, "tags": ["1girl", "long_hair"], "caption": "a cat\non a mat"}
    assert scan(collection, tmp_path).conflicts == []
    assert collection.rows([1])[0].caption == "a cat\non a mat"


def test_missing_images_are_not_written(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "1.png").unlink()
    (tmp_path / "1.txt").unlink()
    scan(collection, tmp_path)
    assert write_sidecars(collection, [2], force=True).written == 0
    assert not (tmp_path / "1.txt").exists()
