"""Sidecars written back: only what was read whole, into the file it was read from, and nothing lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from curator.index.changes.edits import AddTags, RemoveTags, SetCaption
from curator.index.collection import Collection
from curator.index.images.text_digest import text_digest
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
    assert write_sidecars(collection, [1, 3], replace=True).written == 2
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
    assert write_sidecars(collection, [2], replace=True).written == 0
    assert not (tmp_path / "1.txt").exists()


def _draw(folder: Path, name: str, colour: int = 0) -> Path:
    Image.new("RGB", (8, 8), (colour, 7, 0)).save(folder / name)
    return folder / name


def _read(folder: Path, files: dict[str, str | bytes], *pictures: str) -> Collection:
    """A collection of images with these sidecars."""
    for number, name in enumerate(pictures or ("a.png",)):
        _draw(folder, name, number)
    for name, data in files.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    made = Collection.create(folder)
    scan(made, folder)
    return made


def _words(collection: Collection, image: int = 1) -> tuple[tuple[str, ...], str]:
    return collection.tag_names([image])[0], collection.rows([image])[0].caption


def test_sentences_keep_their_file(tmp_path: Path) -> None:
    """Tags go before them, as they are trained; taken away, the file is as it was."""
    sentence = "A woman stands in the snow, no, no, no, smiling."
    collection = _read(tmp_path, {"a.txt": sentence})
    assert _words(collection) == ((), sentence)
    collection.apply(AddTags(("trig",)), [1])
    assert write_sidecars(collection, [1]).written == 1
    assert (tmp_path / "a.txt").read_text() == f"trig, {sentence}\n"
    for full in (False, True):
        assert scan(collection, tmp_path, full=full).reread == 0
        assert _words(collection) == (("trig",), sentence)
    collection.apply(RemoveTags(("trig",)), [1])
    collection.apply(SetCaption("Another one stands here, no, no."), [1])
    assert write_sidecars(collection, [1]).written == 1
    assert (tmp_path / "a.txt").read_text() == "Another one stands here, no, no.\n"
    collection.apply(SetCaption(""), [1])
    collection.apply(AddTags(("x", "y")), [1])
    assert write_sidecars(collection, [1]).written == 1
    assert (tmp_path / "a.txt").read_text() == "x, y\n"
    collection.apply(AddTags(("z",)), [1])
    assert write_sidecars(collection, [1]).conflicts == []


def test_sentences_that_become_tags_outside_leave_no_caption_behind(tmp_path: Path) -> None:
    collection = _read(tmp_path, {"a.txt": "A woman stands in the snow."})
    (tmp_path / "a.txt").write_text("1girl, snow")
    assert scan(collection, tmp_path).reread == 1
    assert _words(collection) == (("1girl", "snow"), "")
    (tmp_path / "a.txt").write_text("A woman stands in the snow again.")
    assert scan(collection, tmp_path).reread == 1
    assert _words(collection) == ((), "A woman stands in the snow again.")
    collection.apply(AddTags(("mine",)), [1])
    (tmp_path / "a.txt").write_text("A man stands in the snow.")
    assert [Path(path).name for path, _ in scan(collection, tmp_path).conflicts] == ["a.txt"]
    assert _words(collection) == (("mine",), "A woman stands in the snow again.")


def test_an_emptied_file_takes_the_tags_away(tmp_path: Path) -> None:
    collection = _read(tmp_path, {"a.txt": "1girl, snow"})
    (tmp_path / "a.txt").write_text("\n")
    assert scan(collection, tmp_path).reread == 1
    assert _words(collection) == ((), "")


@pytest.mark.parametrize(
    ("files", "picture", "why"),
    [
        ({"a.txt": "a, b\nc, d\n"}, "remove", "further lines"),
        ({"a.txt": "A woman stands in the snow.", "a.caption": "a woman"}, "add", "words that the image does not"),
        ({"a.txt": b"\xff\xfea\xd8"}, "add", "letters were guessed"),
        ({"a.txt": b"\x94L\x82\xaa\x82\xa2\x82\xe9, \x8c\xa2"}, "add", "letters were guessed"),
        ({"a.png.txt": "x, y"}, "shared", "belongs to another image"),
    ],
)  # fmt: skip
def test_a_file_is_left_alone_where_words_would_be_lost(
    tmp_path: Path, files: dict[str, str | bytes], picture: str, why: str
) -> None:
    pictures = ("a.png", "a.png.jpg") if picture == "shared" else ("a.png",)
    collection = _read(tmp_path, files, *pictures)
    before = {name: (tmp_path / name).read_bytes() for name in files}
    collection.apply(RemoveTags(("a", "b")) if picture == "remove" else AddTags(("mine",)), [1])
    report = write_sidecars(collection, [1])
    assert report.written == 0
    assert [why in reason for _, reason in report.conflicts] == [True]
    assert {name: (tmp_path / name).read_bytes() for name in files} == before
    assert len(list(tmp_path.glob("a*"))) == len(files) + len(pictures)


def test_what_no_scan_took_in_is_kept_until_a_full_one_does(tmp_path: Path) -> None:
    """A file that was read by another rule, of which the first line alone was taken."""
    collection = _read(tmp_path, {"a.txt": "1girl\nsolo\n"})
    (known,) = collection.images.sidecars.of([1])[1]
    collection.apply(RemoveTags(("solo",)), [1])
    with collection.writing():
        collection.images.sidecars.put(1, [known._replace(text_digest=text_digest(".txt", ("1girl",), ""))])
    collection.apply(AddTags(("mine",)), [1])
    assert "scan --full" in write_sidecars(collection, [1]).conflicts[0][1]
    collection.apply(RemoveTags(("mine",)), [1])
    assert scan(collection, tmp_path).reread == 0
    assert scan(collection, tmp_path, full=True).reread == 1
    assert _words(collection)[0] == ("1girl", "solo")
    collection.apply(AddTags(("mine",)), [1])
    assert write_sidecars(collection, [1]).written == 1
    assert (tmp_path / "a.txt").read_text() == "1girl\nsolo\nmine\n"


def test_two_untagged_pictures_of_one_name(tmp_path: Path) -> None:
    collection = _read(tmp_path, {}, "a.jpg", "a.png")
    for image in (1, 2):
        collection.apply(AddTags((f"tag {image}",)), [image])
    report = write_sidecars(collection, [1, 2])
    assert (report.written, report.by_full_name, report.conflicts) == (2, 2, [])
    assert (tmp_path / "a.jpg.txt").read_text() == "tag 1\n"
    assert (tmp_path / "a.png.txt").read_text() == "tag 2\n"
    assert scan(collection, tmp_path).conflicts == []
    again = Collection.create(tmp_path / "again")
    scan(again, tmp_path)
    assert again.tag_names([1, 2]) == [("tag 1",), ("tag 2",)]


def test_lines_of_a_caption_stay(tmp_path: Path) -> None:
    """Of which one is drawn for each sample, with wildcards."""
    collection = _read(tmp_path, {"a.caption": "a cat\na {big|small} cat\n", "a.txt": "x\n"})
    collection.apply(SetCaption("a cat\na {big|small} cat"), [1])
    assert write_sidecars(collection, [1], ".caption").unchanged == 1
    collection.apply(SetCaption("a dog\na {big|small} cat"), [1])
    assert write_sidecars(collection, [1], ".caption").written == 1
    assert (tmp_path / "a.caption").read_text() == "a dog\na {big|small} cat\n"


def test_sentences_of_several_lines_are_not_parted(tmp_path: Path) -> None:
    text = "A cat sits on a mat.\nA dog sits on a mat.\n"
    collection = _read(tmp_path, {"a.txt": text})
    collection.apply(SetCaption(text.strip()), [1])
    collection.apply(AddTags(("x",)), [1])
    assert "several lines" in write_sidecars(collection, [1]).conflicts[0][1]
    assert (tmp_path / "a.txt").read_text() == text


@pytest.mark.parametrize("data", ["[1]", "{", '"x"'])
def test_json_that_is_no_object_is_kept_even_by_force(tmp_path: Path, data: str) -> None:
    collection = _read(tmp_path, {"a.json": data})
    collection.apply(AddTags(("x",)), [1])
    assert len(write_sidecars(collection, [1], ".json", replace=True).conflicts) == 1
    assert (tmp_path / "a.json").read_text() == data


def test_what_is_no_regular_file_is_neither_read_nor_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    (tmp_path / "b.txt").symlink_to("/dev/zero")
    collection = _read(tmp_path, {"c.txt": "x" * 4_000_001}, "a.png", "b.png", "c.png")
    for image in (1, 2, 3):
        collection.apply(AddTags(("x",)), [image])
    report = write_sidecars(collection, [1, 2, 3], replace=True)
    assert [(Path(path).name, why) for path, why in report.failed] == [
        ("a.txt", "not a regular file"),
        ("b.txt", "not a regular file"),
        ("c.txt", "larger than 4,000,000 bytes"),
    ]
