"""An index made by an earlier frieze opens, says the same, and its history can still be taken back."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from pyroaring import BitMap

from curator.contract.buckets import BucketRule
from curator.contract.caption.captions import CaptionRules
from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.bucket_rule import bucket_rule, set_bucket_rule
from curator.index.changes.edits import AddTags
from curator.index.collection import Collection
from curator.index.images.images import FileFacts
from curator.index.schema.migrations import STEPS, _edits_of_records, _keys_of_tags
from curator.index.tables.picks import Pick
from curator.index.tables.rows import SavedFilter, Subset
from tests.images import NewImage, add_images

FORMATS = sorted(Path(__file__).parent.glob("format_*.sql"))  # dumps of what that version wrote, never edited


@pytest.fixture(params=FORMATS, ids=lambda file: file.stem)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "frieze.db") as db:
        db.executescript(request.param.read_text())
    return tmp_path


def test_an_older_index_says_the_same(folder: Path) -> None:
    collection = Collection.open(folder)
    assert collection.check() == []
    names = [("y", "solo", "long_hair"), ("solo", "y", "1girl", "Solo"), ("solo", "y"), ("saber (fate)",)]
    assert collection.tag_names([1, 2, 3, 4]) == names
    rows = collection.rows([1, 2, 3, 4])
    assert [(row.mark, row.caption) for row in rows] == [(1, "one"), (1, ""), (0, ""), (0, "four")]
    assert select(collection, "SOLO").ids.tolist() == [1, 2, 3]
    assert select(collection, "sha:15").ids.tolist() == [2]
    assert collection.subsets.list()[0].filter == "1girl"
    assert len(Collection.open(folder).history()) == 6


def test_an_older_history_is_done_again_and_taken_back(folder: Path) -> None:
    collection = Collection.open(folder)
    assert collection.redo() is not None
    assert collection.rows([2])[0].caption == "new"
    assert collection.redo() is not None
    assert collection.tag_names([3]) == [("solo", "why")]
    assert collection.redo() is None
    while collection.undo():
        assert collection.check() == []
    assert collection.tag_names([1, 2, 3, 4]) == [
        ("1girl", "solo", "long_hair"),
        ("1girl", "Solo"),
        (),
        ("saber (fate)", "1girl"),
    ]
    collection.apply(AddTags(("new",)))
    assert collection.check() == []


def test_an_older_index_gets_undo_of_its_subsets(folder: Path) -> None:
    collection = Collection.open(folder)
    first = collection.subsets.list()[0]
    collection.subsets.change(first.name, lambda _: replace(first, name="first", repeats=5))
    collection.subsets.save(Subset("new", "solo"))
    collection.saved_filters.save(SavedFilter("good", "y"))
    assert len(Collection.open(folder).history()) == 9
    for _ in range(3):
        assert collection.undo() is not None
    assert collection.subsets.list()[0] == first
    assert collection.subsets.get("new") is None
    assert collection.undo() is not None  # one from before
    assert collection.check() == []


def test_small_tables_of_format_8_are_as_they_were(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "frieze.db") as db:
        db.executescript(Path(__file__).with_name("format_8.sql").read_text())
    collection = Collection.open(tmp_path)
    assert collection.subsets.list() == [
        Subset("s", "1girl", 2),
        Subset("rest", "-1girl", 3, flip=True, rules=CaptionRules(trigger="xyz")),
    ]
    assert collection.saved_filters.list() == [SavedFilter("good", "solo -1girl")]
    assert collection.picks.list() == [Pick("half", BitMap([1, 3]), "drawn: 2")]
    assert collection.aliases.all() == {"girl one": "1girl"}
    assert bucket_rule(collection) == BucketRule(768, 768)
    set_bucket_rule(collection, BucketRule(768, 768, step=32))
    collection.undo()
    assert bucket_rule(collection) == BucketRule(768, 768)


def test_tags_get_the_keys_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decomposed name and a face had others once."""
    with monkeypatch.context() as before:
        before.setattr("curator.index.schema.migrations.STEPS", STEPS[: STEPS.index(_keys_of_tags)])
        older = Collection.create(tmp_path)
        add_images(older, [image_of(older, ("cafe\u0301", ">_<", "long_hair"))])
        older.fingerprints.put([(b"flat", None), (b"seen", 7)])
        with older.writing():
            older._database.connection.execute("UPDATE tag SET folded=replace(name, '_', ' ')")
        older.close()
    collection = Collection.open(tmp_path)
    for typed in ("caf\u00e9", '">_<"', "LONG_hair"):
        assert select(collection, typed).ids.tolist() == [1]
    assert collection.fingerprints.of([b"flat", b"seen"]) == {b"seen": 7}


def image_of(collection: Collection, tags: tuple[str, ...]) -> NewImage:
    with collection.writing():
        root = collection.images.root("/p")
    return NewImage(root, "a.png", FileFacts(b"s" * 32, 1, 2, 3, 4, "png"), tags)


def test_a_program_that_cannot_read_such_edits_refuses_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Collection.create(tmp_path).subsets.save(Subset("s", "1girl"))
    known = STEPS[: STEPS.index(_edits_of_records)]
    monkeypatch.setattr("curator.index.schema.migrations.STEPS", known)
    monkeypatch.setattr("curator.index.schema.opening.FORMAT", len(known))
    with pytest.raises(UserError, match="newer frieze"):
        Collection.open(tmp_path)


def test_a_migration_that_fails_leaves_the_older_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_db: object) -> None:
        raise UserError("the disk is full", "free some space")

    before = sqlite3.connect(folder / "frieze.db").execute("PRAGMA user_version").fetchone()
    monkeypatch.setattr("curator.index.schema.migrations.STEPS", (*STEPS, broken))
    with pytest.raises(UserError):
        Collection.open(folder)
    assert sqlite3.connect(folder / "frieze.db").execute("PRAGMA user_version").fetchone() == before
    monkeypatch.undo()
    assert Collection.open(folder).check() == []
