"""What is remembered of scanned folders, by path, whatever their names hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.tables.folders import RESCAN, FolderState
from tests.images import NewImage, add_images

STATES = [
    FolderState("/p", 5, 2, ("a", "caf\udce9", "x.tar"), ("link",)),
    FolderState("/p/a", RESCAN, 0),
    FolderState("/p/caf\udce9", 7, 1),
    FolderState("/p/a/deep", 8, 1),
    FolderState("/pq", 9, 1),
]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    with made.writing():
        made.folders.put(STATES)
    return made


def test_folders_under_one(collection: Collection) -> None:
    assert collection.folders.under("/p") == {state.path: state for state in STATES[:4]}
    assert list(collection.folders.under("/p/a")) == ["/p/a", "/p/a/deep"]
    assert collection.folders.under("/nowhere") == {}
    assert len(collection.folders.under("/")) == 5


def test_folders_are_replaced_and_forgotten(collection: Collection) -> None:
    with collection.writing():
        collection.folders.put([FolderState("/p", 6, 3)])
        collection.folders.forget(["/p/caf\udce9", "/nowhere"])
    assert collection.folders.under("/p")["/p"] == FolderState("/p", 6, 3)
    assert "/p/caf\udce9" not in collection.folders.under("/p")


def test_images_of_a_folder_and_further_in(collection: Collection) -> None:
    paths = ["a.png", "caf\udce9/b.png", "one/c.png", "one/two/d.png", "one-more/e.png", "oneself.png"]
    with collection.writing():
        root = collection.images.root("/r")
    facts = FileFacts(b"\0" * 32, 1, 1, 1, 1, "png")
    ids = add_images(collection, [NewImage(root, path, facts) for path in paths])
    named = dict(zip(ids, paths, strict=True))

    def found(before: str, *but: str) -> list[str]:
        return [named[image] for image in collection.folders.images_in(root, before, but)]

    assert found("") == paths
    assert found("", "one", "caf\udce9", "nobody") == ["a.png", "one-more/e.png", "oneself.png"]
    assert found("", "one", "one-more") == ["a.png", "caf\udce9/b.png", "oneself.png"]
    assert found("one/", "two") == ["one/c.png"]
    assert found("one/") == ["one/c.png", "one/two/d.png"]
    assert found("caf\udce9/") == ["caf\udce9/b.png"]
    assert collection.folders.has_images(root, "one/")
    assert not collection.folders.has_images(root, "on/")
    assert not collection.folders.has_images(root + 1, "")
