"""Quick rescans: folders whose time is as remembered are passed over, all others are looked at."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from curator.contract.errors import UserError
from curator.index.collection import Collection
from curator.scan import find
from curator.scan import scan as scan_module
from curator.scan.scan import ScanProgress, scan
from tests.scan.conftest import by_path, counts, picture

LONG_AGO = 10**18


def settle(folder: Path, at: int = LONG_AGO) -> None:
    """Give every folder and tar an old time, as if nobody had touched them for years."""
    for each in [folder, *folder.rglob("*")]:
        if each.is_dir() or each.suffix == ".tar":
            os.utime(each, ns=(at, at))


def quick(collection: Collection, folder: Path) -> dict[str, int]:
    return counts(scan(collection, folder, quick=True))


@pytest.fixture
def tree(pictures: Path) -> Path:
    picture(pictures / "a.png", 1, "x")
    picture(pictures / "one" / "b.png", 2, "x")
    picture(pictures / "one" / "deep" / "c.png", 3)
    picture(pictures / "two" / "d.png", 4)
    with tarfile.open(pictures / "two" / "e.tar", "w") as tar:
        tar.add(picture(pictures.parent / "e.png", 5), "e.png")
    (pictures / "empty").mkdir()
    (pictures / "linked").symlink_to(pictures / "one")
    settle(pictures)
    return pictures


def test_nothing_is_listed_where_nothing_changed(
    collection: Collection, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert counts(scan(collection, tree)) == {"added": 5}
    monkeypatch.setattr(find, "_listed", None)
    assert quick(collection, tree) == {"unchanged": 5}
    assert counts(scan(collection, tree / "two", quick=True)) == {"unchanged": 2}
    seen: list[ScanProgress] = []
    scan(collection, tree, seen.append, quick=True)
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    assert (seen[-1].done, seen[-1].total) == (5, 0)


def test_what_came_went_and_was_renamed_is_seen(collection: Collection, tree: Path) -> None:
    scan(collection, tree)
    picture(tree / "one" / "new.png", 6)
    assert quick(collection, tree) == {"added": 1, "unchanged": 5}
    (tree / "one" / "deep" / "c.png").rename(tree / "two" / "moved.png")
    assert quick(collection, tree) == {"moved": 1, "unchanged": 5}
    (tree / "a.png").unlink()
    assert quick(collection, tree) == {"missing": 1, "unchanged": 5}
    (tree / "two" / "e.tar").unlink()
    assert quick(collection, tree) == {"missing": 1, "unchanged": 4}
    (tree / "one" / "new.txt").write_text("word")
    assert quick(collection, tree) == {"unchanged": 4, "reread": 1}
    assert sorted(by_path(collection)) == ["one/b.png", "one/new.png", "two/d.png", "two/moved.png"]
    assert collection.check() == []


def test_a_folder_that_went_and_came_back(collection: Collection, tree: Path) -> None:
    """It comes back with its old time, as a disk that was mounted again."""
    scan(collection, tree)
    elsewhere = tree.parent / "elsewhere"
    (tree / "one").rename(elsewhere)
    assert quick(collection, tree) == {"missing": 2, "unchanged": 3}
    elsewhere.rename(tree / "one")
    settle(tree)
    assert quick(collection, tree) == {"returned": 2, "unchanged": 3}


def test_a_folder_nobody_remembers_went(collection: Collection, tree: Path) -> None:
    """As after an interrupted scan."""
    scan(collection, tree)
    with collection.writing():
        collection.folders.forget([str(tree / "one"), str(tree / "one" / "deep")])
    (tree / "one").rename(tree.parent / "elsewhere")
    assert quick(collection, tree) == {"missing": 2, "unchanged": 3}


def test_a_renamed_folder_keeps_its_words(collection: Collection, tree: Path) -> None:
    scan(collection, tree)
    (tree / "one").rename(tree / "three")
    assert quick(collection, tree) == {"moved": 2, "unchanged": 3}
    assert by_path(collection)["three/b.png"] == ("x",)


def test_what_only_a_whole_scan_sees(collection: Collection, tree: Path) -> None:
    scan(collection, tree)
    (tree / "a.txt").write_text("other")
    settle(tree)
    assert quick(collection, tree) == {"unchanged": 5}
    assert counts(scan(collection, tree)) == {"unchanged": 5, "reread": 1}


def test_a_tar_written_to_is_seen(collection: Collection, tree: Path) -> None:
    """Its folder's time stays, its own does not."""
    scan(collection, tree)
    with tarfile.open(tree / "two" / "e.tar", "a") as tar:
        tar.add(picture(tree.parent / "f.png", 6), "f.png")
    assert quick(collection, tree) == {"added": 1, "unchanged": 5}


def test_a_folder_changed_just_now_is_not_believed(collection: Collection, tree: Path) -> None:
    """Files may come within the step of its time: so it is listed again."""
    settle(tree, at=2**62)
    scan(collection, tree)
    picture(tree / "one" / "late.png", 6)
    settle(tree, at=2**62)
    assert quick(collection, tree) == {"added": 1, "unchanged": 5}


def test_a_folder_with_trouble_is_looked_at_again(collection: Collection, tree: Path) -> None:
    (tree / "two" / "bad.png").write_bytes(b"nothing")
    settle(tree)
    for _ in range(2):
        report = scan(collection, tree, quick=True)
        assert [Path(path).name for path, _ in report.quarantined] == ["bad.png"]
    picture(tree / "two" / "bad.png", 7)
    settle(tree)
    assert quick(collection, tree) == {"added": 1, "unchanged": 5}


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_an_interrupted_scan_is_not_taken_for_a_whole_one(
    collection: Collection, tree: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    monkeypatch.setattr(scan_module, "PIECE", 1)
    monkeypatch.setattr(scan_module, "BATCH", 2)

    def stop(progress: ScanProgress) -> None:
        if progress.done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(collection, tree, stop)
    report = scan(collection, tree, quick=True)
    assert report.added + report.unchanged == 5
    assert collection.images.count() == 5


def test_full_and_quick_exclude_each_other(collection: Collection, tree: Path) -> None:
    with pytest.raises(UserError, match="either"):
        scan(collection, tree, full=True, quick=True)


def test_a_folder_that_changes_while_it_is_listed_is_not_believed(
    collection: Collection, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing takes long, and times come in steps: what counts is the clock before it."""
    now = 2_000_000_000_000_000_000
    clock = [now]
    settle(tree, now)
    listed = find._listed

    def slowly(path: str, *more: Any) -> find.Folder:
        folder = listed(path, *more)
        clock[0] += 60_000_000_000
        return folder

    monkeypatch.setattr(find, "_listed", slowly)
    monkeypatch.setattr("curator.scan.find.time.time_ns", lambda: clock[0])
    scan(collection, tree)
    picture(tree / "a new.png", 6)
    settle(tree, now)
    assert quick(collection, tree)["added"] == 1
