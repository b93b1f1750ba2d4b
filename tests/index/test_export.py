"""The plain-SQL door: views of the index itself, and normalised tables for other programs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pyroaring import BitMap

from curator.contract.errors import ReplaceableError, UserError
from curator.index.changes.edits import AddTags, SetClass, SetMark
from curator.index.collection import Collection
from curator.index.export import export_sqlite
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images

ROWS = [
    ("a/1.png", ("1girl", "solo"), "one"),
    ("a/2\udcff.png", ("solo", "1girl", "hat"), ""),
    ("b.png", (), ""),
]


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    monkeypatch.setattr(
        "curator.index.editing.fold.AT_ONCE", 0
    )  # every edit waits, and must be in the export
    made = Collection.create(tmp_path / "c")
    with made.writing():
        root = made.images.root("/p")
    facts = FileFacts(bytes(range(32)), 10, 2_000_000_000, 30, 40, "png")
    add_images(made, [NewImage(root, path, facts, tags, caption) for path, tags, caption in ROWS])
    made.apply(AddTags(("first",), "start"), [1, 3])
    made.apply(SetClass(("hat",), "clothes"))
    made.apply(SetMark(-1), [2])
    return made


def test_an_export_holds_every_image_tag_and_place(collection: Collection, tmp_path: Path) -> None:
    assert export_sqlite(collection, tmp_path / "out.db") == 3
    out = sqlite3.connect(tmp_path / "out.db")
    assert out.execute("SELECT id, path, name, width, mtime, mark, caption FROM image").fetchall() == [
        (1, "/p/a/1.png", "1.png", 30, 2.0, "", "one"),
        (2, "/p/a/2\ufffd.png", "2\ufffd.png", 30, 2.0, "reject", ""),
        (3, "/p/b.png", "b.png", 30, 2.0, "", ""),
    ]
    assert dict(out.execute("SELECT id, tags FROM image_caption")) == {
        1: "first, 1girl, solo",
        2: "solo, 1girl, hat",
        3: "first",
    }
    tags = {name: (cls, images) for name, cls, images in out.execute("SELECT name, class, images FROM tag")}
    assert tags == {
        "1girl": ("general", 2),
        "solo": ("general", 2),
        "hat": ("clothes", 1),
        "first": ("general", 2),
    }
    assert out.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_export_of_some_images_counts_only_them(collection: Collection, tmp_path: Path) -> None:
    assert export_sqlite(collection, tmp_path / "out.db", BitMap([2, 99])) == 1
    out = sqlite3.connect(tmp_path / "out.db")
    assert out.execute("SELECT name, images FROM tag ORDER BY name").fetchall() == [
        ("1girl", 1),
        ("hat", 1),
        ("solo", 1),
    ]


def test_an_export_that_ends_early_leaves_no_file(collection: Collection, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_sqlite(collection, tmp_path / "out.db", progress=stop)
    assert not (tmp_path / "out.db").exists()
    (tmp_path / "out.db").write_text("mine")
    with pytest.raises(UserError, match="is there, and no export"):
        export_sqlite(collection, tmp_path / "out.db")
    assert (tmp_path / "out.db").read_text() == "mine"


def test_a_folder_is_refused_at_once_and_never_offered_to_be_replaced(
    collection: Collection, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is there, and no export") as refused:
        export_sqlite(collection, tmp_path)
    assert not isinstance(refused.value, ReplaceableError)
    with pytest.raises(UserError, match="is no export"):
        export_sqlite(collection, tmp_path, replace=True)


def test_the_views_that_are_documented(collection: Collection) -> None:
    collection.compact()  # as whoever edited does at the end
    with sqlite3.connect(collection.path) as db:
        assert db.execute("SELECT id, root, path, width, caption FROM v_images WHERE id<>2").fetchall() == [
            (1, "/p", "a/1.png", 30, "one"),
            (3, "/p", "b.png", 30, ""),
        ]
        assert db.execute("SELECT name, class, count FROM v_tags WHERE name='hat'").fetchall() == [
            ("hat", "clothes", 1)
        ]
        assert [row[0] for row in db.execute("SELECT state FROM v_edits")] == ["stands"] * 3
    collection.undo()
    with sqlite3.connect(collection.path) as db:
        assert [row[0] for row in db.execute("SELECT state FROM v_edits")] == ["stands", "stands", "undone"]
