"""When an edit reaches the disk: nobody waits for it but `close`, and a disk that refuses is said."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from curator.contract.errors import UserError
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images


def with_one_image(folder: Path) -> Collection:
    collection = Collection.create(folder)
    with collection.writing():
        root = collection.images.root("/p")
        add_images(collection, [NewImage(root, "1.png", FileFacts(b"s" * 32, 1, 2, 3, 4, "png"), ())])
    return collection


def flushing(monkeypatch: pytest.MonkeyPatch, home: Path, action: Callable[[str], None]) -> None:
    """Has `action` take part in every flush of what lies in `home`: indexes of other tests may still be flushed."""
    real = os.fsync

    def fsync(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_relative_to(home):
            action(str(path))
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)


def test_edits_do_not_wait_for_the_disk_and_close_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B03: one flush that hangs keeps neither this process nor another from editing."""
    collection = with_one_image(tmp_path)
    begun, may_go_on, flushed = Event(), Event(), list[str]()

    def hang(path: str) -> None:
        begun.set()
        may_go_on.wait()
        flushed.append(path)

    flushing(monkeypatch, tmp_path, hang)
    collection.apply(AddTags(("first",)))
    begun.wait()
    with Collection.open(tmp_path) as other:
        other.apply(AddTags(("a job",)), actor="tagger", durable=False)
    collection.apply(AddTags(("second",)))
    assert collection.tag_names([1]) == [("first", "a job", "second")]
    assert not flushed
    may_go_on.set()
    collection.close()
    assert flushed == [str(tmp_path / "frieze.db-wal")] * 2  # the second began after the first


def test_a_linked_index_is_flushed_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").mkdir()
    with_one_image(tmp_path / "real").close()
    (tmp_path / "linked" / "frieze.db").symlink_to(tmp_path / "real" / "frieze.db")
    flushed = list[str]()
    flushing(monkeypatch, tmp_path, flushed.append)
    with Collection.open(tmp_path / "linked") as collection:
        collection.apply(AddTags(("first",)))
    assert flushed == [str(tmp_path / "real" / "frieze.db-wal")]


@pytest.mark.parametrize("then", ["close", "edit"])
def test_a_disk_that_refuses_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    collection = with_one_image(tmp_path)

    def refuse(path: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    flushing(monkeypatch, tmp_path, refuse)
    collection.apply(AddTags(("first",)))
    if then == "edit":
        flusher = collection._database._flusher
        assert flusher
        assert flusher._last
        flusher._last.result()  # done
        monkeypatch.undo()
        with pytest.raises(UserError, match="the change is made"):
            collection.apply(AddTags(("second",)))
        assert flusher._last.exception() is None
        assert collection.tag_names([1]) == [("first", "second")]
    else:
        with pytest.raises(UserError, match="cannot be used: disk"):
            collection.close()
    monkeypatch.undo()
    collection.close()
    with Collection.open(tmp_path) as again:
        assert "first" in again.tag_names([1])[0]
