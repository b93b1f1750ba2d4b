"""Files and folders that cannot be reached: nobody says they are gone, and the next quick scan looks again."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curator.index.collection import Collection
from curator.scan.readers.reading import Question, read_all
from curator.scan.scan import scan
from tests.scan.conftest import by_path, counts, picture

LONG_AGO = (10**18, 10**18)


@pytest.fixture
def tree(pictures: Path) -> Path:
    picture(pictures / "a.png", 1)
    picture(pictures / "sub" / "b.png", 2, "x")
    picture(pictures / "sub" / "deep" / "c.png", 3)
    for folder in (pictures / "sub" / "deep", pictures / "sub", pictures):
        os.utime(folder, ns=LONG_AGO)
    return pictures


def failing(monkeypatch: pytest.MonkeyPatch, call: str, path: Path, number: int) -> None:
    """Let a call of the system fail for one path, as a disk does or one who may not read it sees."""
    real: Callable[..., Any] = getattr(os, call)

    def fails(asked: Any, *more: Any, **named: Any) -> Any:
        if os.fspath(asked) in (str(path), path.name):
            raise OSError(number, os.strerror(number), str(path))
        return real(asked, *more, **named)

    monkeypatch.setattr(os, call, fails)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
@pytest.mark.parametrize(
    ("call", "where", "away"),
    [
        ("open", "sub", 1),  # the folder is listed, and then its files cannot be reached
        ("scandir", "sub", 2),
        ("stat", "sub", 2),
        ("stat", "sub/b.png", 1),
    ],
)
def test_what_cannot_be_reached_is_not_missing(
    collection: Collection, tree: Path, call: str, where: str, away: int, number: int
) -> None:
    """It stays as it was, with a warning, and a quick scan looks at it again."""
    scan(collection, tree)
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing(monkeypatch, call, tree / where, number)
        report = scan(collection, tree)
        assert counts(report) == {"unchanged": 3 - away}
        assert report.warnings == [(str(tree / "sub"), os.strerror(number))]
        assert len(by_path(collection)) == 3
        (tree / "sub" / "b.png").write_bytes((tree / "a.png").read_bytes() + b"longer")
        os.utime(tree / "sub", ns=LONG_AGO)
        assert scan(collection, tree, quick=True).missing == 0
    assert counts(scan(collection, tree, quick=True))["changed"] == 1
    assert collection.check() == []


def test_a_copy_elsewhere_does_not_take_its_words(collection: Collection, tree: Path) -> None:
    """Of what cannot be reached nobody knows that it moved."""
    scan(collection, tree)
    picture(tree / "0 copy.png", 2)
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing(monkeypatch, "scandir", tree / "sub", errno.EACCES)
        failing(monkeypatch, "lstat", tree / "sub" / "b.png", errno.EACCES)
        assert counts(scan(collection, tree)) == {"added": 1, "unchanged": 1}
    assert by_path(collection)["sub/b.png"] == ("x",)


def test_what_went_while_it_was_looked_at_is_missing(collection: Collection, tree: Path) -> None:
    scan(collection, tree)
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing(monkeypatch, "open", tree / "sub", errno.ENOENT)
        assert counts(scan(collection, tree)) == {"missing": 1, "unchanged": 2}


def test_a_sidecar_that_could_not_be_read_is_read_by_a_quick_scan(collection: Collection, tree: Path) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing(monkeypatch, "open", tree / "sub" / "b.txt", errno.EACCES)
        report = scan(collection, tree)
        assert report.warnings == [(str(tree / "sub" / "b.txt"), "Permission denied")]
        assert by_path(collection)["sub/b.png"] == ()
    assert scan(collection, tree, quick=True).reread == 1
    assert by_path(collection)["sub/b.png"] == ("x",)


def test_what_became_no_file_since_the_folder_was_listed(pictures: Path) -> None:
    """A pipe or a device in the place of a file is neither waited for nor read."""
    os.mkfifo(pictures / "a.png")
    (pictures / "a.txt").symlink_to("/dev/zero")
    answer = read_all(Question(str(pictures), [("a.png", True, (".txt",), (), None)]))
    assert answer.unreached == {0: "not a regular file"}
    assert answer.warnings == [(str(pictures / "a.txt"), "not a regular file")]
