"""Scans of real folders: first, again, after files moved, changed, went and came back, and when interrupted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.bulk_import import BulkImport
from curator.index.changes.edits import AddTags, SetMark
from curator.index.collection import Collection
from curator.scan import find
from curator.scan import scan as scan_module
from curator.scan.readers import reading
from curator.scan.scan import ScanProgress, scan
from tests.scan.conftest import by_path, counts, picture


def test_first_scan(collection: Collection, pictures: Path) -> None:
    """S010: nested folders; S043: one bad file stops nothing."""
    picture(pictures / "b.png", 1, "1girl, solo")
    picture(pictures / "concept" / "A.JPG", 2, "poster (object)")
    picture(pictures / "concept" / "deep" / "c.webp", 3)
    picture(pictures / ".hidden" / "d.png", 4)
    picture(pictures / ".e.png", 5)
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (pictures / "empty.jpg").touch()
    (pictures / "notes.md").write_text("no image")
    (pictures / "folder.png").mkdir()
    os.mkfifo(pictures / "pipe.png")
    seen: list[ScanProgress] = []
    report = scan(collection, pictures, seen.append)
    assert counts(report) == {"added": 3}
    assert sorted(Path(path).name for path, _ in report.quarantined) == [
        "broken.png",
        "empty.jpg",
        "pipe.png",
    ]
    assert [entry.path for entry in collection.quarantine.list()] == sorted(
        path for path, _ in report.quarantined
    )
    assert by_path(collection) == {
        "b.png": ("1girl", "solo"),
        "concept/A.JPG": ("poster (object)",),
        "concept/deep/c.webp": (),
    }
    assert (seen[-1].done, seen[-1].total) == (5, 5)
    assert collection.check() == []


def test_a_second_scan_reads_nothing(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(pictures / "a.png", 1, "x")
    picture(pictures / "b.png", 2)
    scan(collection, pictures)
    monkeypatch.setattr(reading, "_open", None)
    assert counts(scan(collection, pictures)) == {"unchanged": 2}


def test_moved_files_keep_their_words(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "x, y")
    picture(pictures / "b.png", 2, "z")
    scan(collection, pictures)
    collection.apply(SetMark(1), [1])
    (pictures / "new").mkdir()
    (pictures / "a.png").rename(pictures / "new" / "c.png")
    assert counts(scan(collection, pictures)) == {"moved": 1, "unchanged": 1}
    assert by_path(collection) == {"new/c.png": ("x", "y"), "b.png": ("z",)}
    assert collection.rows([1])[0].mark == 1


def test_a_whole_folder_renamed(collection: Collection, pictures: Path) -> None:
    for k in range(5):
        picture(pictures / f"{k}.png", k, f"t{k}")
    scan(collection, pictures)
    elsewhere = pictures.with_name("elsewhere")
    pictures.rename(elsewhere)
    assert counts(scan(collection, elsewhere)) == {"moved": 5}
    assert by_path(collection) == {f"{k}.png": (f"t{k}",) for k in range(5)}


def test_a_copy_is_another_image(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "x")
    scan(collection, pictures)
    (pictures / "b.png").write_bytes((pictures / "a.png").read_bytes())
    assert counts(scan(collection, pictures)) == {"added": 1, "unchanged": 1}


def test_missing_files_come_back_with_their_words(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "x")
    picture(pictures / "b.png", 2, "x")
    scan(collection, pictures)
    collection.apply(AddTags(("mine",)), [1])
    data = (pictures / "a.png").read_bytes()
    (pictures / "a.png").unlink()
    assert counts(scan(collection, pictures)) == {"missing": 1, "unchanged": 1}
    assert collection.images.count() == 1
    assert {tag.name: tag.count for tag in collection.all_tags()} == {"x": 1}
    assert counts(scan(collection, pictures)) == {"unchanged": 1}
    (pictures / "a.png").write_bytes(data)
    assert counts(scan(collection, pictures)) == {"returned": 1, "unchanged": 1}
    assert collection.tag_names([1]) == [("x", "mine")]
    assert collection.check() == []


def test_changed_pixels(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "x")
    scan(collection, pictures)
    before = (pictures / "a.png").stat()
    picture(pictures / "a.png", 2, size=(50, 60))
    assert counts(scan(collection, pictures)) == {"changed": 1}
    row = collection.rows([1])[0]
    assert (row.width, row.height, row.tags_count) == (50, 60, 1)
    picture(pictures / "a.png", 3, size=(50, 60))
    os.utime(pictures / "a.png", ns=(before.st_mtime_ns, row.mtime_ns))
    assert counts(scan(collection, pictures)) == {"unchanged": 1}  # same size and time: only --full sees it
    assert counts(scan(collection, pictures, full=True)) == {"changed": 1}
    os.utime(pictures / "a.png")
    assert counts(scan(collection, pictures)) == {"unchanged": 1}  # touched only
    assert collection.check() == []


def test_a_file_that_breaks_is_quarantined_and_released(collection: Collection, pictures: Path) -> None:
    path = picture(pictures / "a.png", 1, "x")
    data = path.read_bytes()
    scan(collection, pictures)
    path.write_bytes(data[:30])
    assert len(scan(collection, pictures).quarantined) == 1
    assert collection.images.count() == 0
    path.write_bytes(data)
    assert counts(scan(collection, pictures)) == {"returned": 1}
    assert collection.quarantine.list() == []
    path.write_bytes(b"")
    scan(collection, pictures)
    path.unlink()
    scan(collection, pictures)
    assert collection.quarantine.list() == []


def test_a_sidecar_changed_outside_is_taken_and_can_be_undone(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "x, y")
    scan(collection, pictures)
    (pictures / "a.txt").write_text("y, new")
    (pictures / "a.caption").write_text("free")
    assert counts(scan(collection, pictures)) == {"unchanged": 1, "reread": 1}
    assert collection.tag_names([1]) == [("y", "new")]
    assert collection.rows([1])[0].caption == "free"
    collection.undo()
    assert collection.tag_names([1]) == [("x", "y")]
    (pictures / "a.txt").unlink()
    scan(collection, pictures)
    assert collection.tag_names([1]) == [("x", "y")]


def test_a_sidecar_changed_outside_and_here_is_a_conflict(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "x")
    scan(collection, pictures)
    collection.apply(AddTags(("mine",)), [1])
    (pictures / "a.txt").write_text("theirs")
    for _ in range(2):
        report = scan(collection, pictures)
        assert [path for path, _ in report.conflicts] == [str(pictures / "a.txt")]
        assert collection.tag_names([1]) == [("x", "mine")]
        assert (pictures / "a.txt").read_text() == "theirs"
    (pictures / "a.txt").write_text("x, mine")  # both agree now
    assert scan(collection, pictures).conflicts == []
    (pictures / "a.txt").write_text("later")
    assert counts(scan(collection, pictures))["reread"] == 1


def test_a_new_sidecar_beside_words_made_here_is_a_conflict(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1)
    picture(pictures / "b.png", 2)
    scan(collection, pictures)
    collection.apply(AddTags(("mine",)), [1])
    (pictures / "a.txt").write_text("theirs")
    (pictures / "b.txt").write_text("theirs")
    report = scan(collection, pictures)
    assert len(report.conflicts) == 1
    assert by_path(collection) == {"a.png": ("mine",), "b.png": ("theirs",)}


def test_a_new_caption_takes_nothing_from_the_old_tags_file(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "x")
    scan(collection, pictures)
    collection.apply(AddTags(("mine",)), [1])
    (pictures / "a.caption").write_text("free")
    report = scan(collection, pictures)
    assert (report.reread, report.conflicts) == (1, [])
    assert collection.tag_names([1]) == [("x", "mine")]
    assert collection.rows([1])[0].caption == "free"
    (pictures / "a.txt").write_text("theirs")
    assert len(scan(collection, pictures).conflicts) == 1
    assert collection.tag_names([1]) == [("x", "mine")]


def test_hostile_names(collection: Collection, pictures: Path) -> None:
    for name in (
        b"caf\xe9.png",
        b"new\nline.png",
        b"\x1b[31mred.png",
        "⁠\u202egnp.png".encode(),
        b"-rf.png",
        b"'; DROP.png",
    ):
        path = os.fsencode(pictures) + b"/" + name
        with open(path, "wb") as file:
            Image.new("RGB", (8, 8), (len(name), 1, name[0])).save(file, "PNG")
    assert counts(scan(collection, pictures)) == {"added": 6}
    assert counts(scan(collection, pictures)) == {"unchanged": 6}
    for row in collection.rows(range(1, 7)):
        assert Path(row.full_path).exists()
        assert visible(row.full_path).isprintable()


def test_links(collection: Collection, pictures: Path, tmp_path: Path) -> None:
    picture(pictures / "real" / "a.png", 1)
    picture(tmp_path / "outside" / "b.png", 2)
    (pictures / "real" / "loop").symlink_to(pictures)
    (pictures / "again").symlink_to(pictures / "real")
    (pictures / "linked").symlink_to(tmp_path / "outside")
    (pictures / "dangling.png").symlink_to(tmp_path / "nothing.png")
    (pictures / "self").symlink_to(pictures / "self")
    assert counts(scan(collection, pictures)) == {"added": 2}
    assert sorted(by_path(collection)) == ["linked/b.png", "real/a.png"]


def test_the_runs_of_the_collection_are_not_pictures(collection: Collection, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    picture(tmp_path / "runs" / "x" / "samples" / "s.png", 2)
    assert counts(scan(collection, tmp_path)) == {"added": 1}


def test_roots_inside_roots(collection: Collection, pictures: Path) -> None:
    picture(pictures / "one" / "a.png", 1, "x")
    picture(pictures / "two" / "b.png", 2)
    scan(collection, pictures / "one")
    assert counts(scan(collection, pictures)) == {"unchanged": 1, "added": 1}
    (pictures / "two" / "b.png").unlink()
    assert counts(scan(collection, pictures / "one")) == {"unchanged": 1}  # elsewhere is none of its business
    assert counts(scan(collection, pictures / "two")) == {"missing": 1}
    assert counts(scan(collection, pictures)) == {"unchanged": 1}


@pytest.mark.parametrize("stop_at", [1, 4, 7, 10])
def test_an_interrupted_scan_leaves_whole_batches(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    monkeypatch.setattr(scan_module, "BATCH", 3)
    monkeypatch.setattr(scan_module, "PIECE", 1)
    for k in range(10):
        picture(pictures / f"{k}.png", k, f"x, t{k}")

    def stop(progress: ScanProgress) -> None:
        if progress.done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(collection, pictures, stop)
    assert collection.images.count() == (stop_at - 1) // 3 * 3
    assert collection.check() == []
    report = scan(collection, pictures)
    assert report.added + report.unchanged == 10
    assert {tag.name: tag.count for tag in collection.all_tags()}["x"] == 10


def test_images_that_a_killed_scan_left_unseen(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written, and not seen yet: the next scan lets them be seen, and reads them no second time."""
    monkeypatch.setattr(scan_module, "BATCH", 3)
    monkeypatch.setattr(scan_module, "PIECE", 1)
    for k in range(10):
        picture(pictures / f"{k}.png", k, f"x, t{k}")

    def die(progress: ScanProgress) -> None:
        if progress.done == 8:
            raise UserError("as if killed", "nothing is done on the way out")

    with pytest.raises(UserError):
        scan(collection, pictures, die)
    assert collection.images.count() == 0
    assert counts(scan(collection, pictures)) == {"added": 4, "unchanged": 6}
    assert collection.check() == []
    assert {tag.name: tag.count for tag in collection.all_tags()}["x"] == 10


def test_a_scan_beside_an_import(collection: Collection, pictures: Path, tmp_path: Path) -> None:
    picture(pictures / "a.png", 1, "x")
    with BulkImport(Collection.open(tmp_path), "another"):
        assert counts(scan(collection, pictures)) == {"added": 1}
        assert collection.images.count() == 1
    assert collection.check() == []


def test_no_folder(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder"):
        scan(collection, tmp_path / "nowhere")


def test_counting_is_told_and_can_be_stopped(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also within one folder: a million names take a while."""
    monkeypatch.setattr(find, "_LOOK", 4)
    home = tmp_path / "many"
    home.mkdir()
    for number in range(30):
        (home / f"{number}.png").write_bytes(b"x")
    told: list[ScanProgress] = []

    def stop(progress: ScanProgress) -> None:
        told.append(progress)
        if progress.total >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(collection, home, stop)
    assert [(each.done, each.total) for each in told] == [(0, 4), (0, 8), (0, 12)]


def test_formats_that_are_not_read_are_counted(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1)
    for name in ("b.tif", "c.TIF", "d.heic", "in/e.mp4", "notes.md", ".f.tif"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).touch()
    report = scan(collection, pictures)
    assert report.passed_over == {".tif": 2, ".heic": 1, ".mp4": 1}
    assert (report.quarantined, report.warnings) == ([], [])


def test_a_picture_that_is_no_file_is_set_aside(collection: Collection, pictures: Path) -> None:
    (pictures / "a.png").symlink_to(pictures / "gone.png")
    os.mkfifo(pictures / "b.txt")
    picture(pictures / "b.png", 1)
    report = scan(collection, pictures)
    assert [(Path(path).name, why) for path, why in report.quarantined] == [
        ("a.png", "not a regular file, or a link that leads nowhere")
    ]
    assert [(Path(path).name, why) for path, why in report.warnings] == [("b.txt", "not a regular file")]
    picture(pictures / "gone.png", 2)
    assert counts(scan(collection, pictures)) == {"added": 2, "unchanged": 1}
    assert collection.quarantine.list() == []


def test_two_sidecars_of_one_kind_are_told_once_a_folder(collection: Collection, pictures: Path) -> None:
    for number, name in enumerate(("a", "b", "c")):
        picture(pictures / f"{name}.png", number, "stem")
        if name != "c":
            (pictures / f"{name}.png.txt").write_text("own")
    report = scan(collection, pictures)
    assert [(Path(path).name, why) for path, why in report.warnings] == [
        (
            "pictures",
            "2 images have two sidecars of one kind, such as a.png.txt and a.txt: the first counts",
        )
    ]
    assert by_path(collection) == {"a.png": ("own",), "b.png": ("own",), "c.png": ("stem",)}
    (pictures / "a.png.txt").unlink()
    (pictures / "b.png.txt").write_text("other")
    assert counts(scan(collection, pictures)) == {"unchanged": 3, "reread": 1}
    assert by_path(collection)["b.png"] == ("other",)


def test_a_caption_beside_sentences_is_told(collection: Collection, pictures: Path) -> None:
    picture(pictures / "a.png", 1, "A cat sits on a mat.")
    (pictures / "a.caption").write_text("a cat")
    report = scan(collection, pictures)
    assert [why for _, why in report.warnings] == [
        "its .caption is the caption; the one in its .txt is not taken"
    ]
    assert collection.rows([1])[0].caption == "a cat"


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")]
)
def test_a_full_scan_keeps_a_picture_that_cannot_be_read_now(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Known ones stay what they were and are told; of a new one nothing is known, so it is set aside."""
    for number, name in enumerate(("a", "lost", "z")):
        picture(pictures / f"{name}.png", number, f"tag {name}")
    scan(collection, pictures)
    before = by_path(collection)
    picture(pictures / "new-lost.png", 9)
    honest = reading._open
    monkeypatch.setattr(
        reading, "_open", lambda home, name: error if name.endswith("lost.png") else honest(home, name)
    )
    report = scan(collection, pictures, full=True)
    assert counts(report) == {"unchanged": 2}
    assert by_path(collection) == before
    assert (str(pictures / "lost.png"), error.strerror) in report.warnings
    assert report.quarantined == [(str(pictures / "new-lost.png"), error.strerror)]
    monkeypatch.undo()
    assert counts(scan(collection, pictures, quick=True))["added"] == 1  # the folder was not passed over
    assert scan(collection, pictures, full=True).quarantined == []
