"""Edits in detail: what a commit says, what two processes see, what undo does to images that came in between."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.index.changes.edits import (
    AddAndRemoveTags,
    AddTags,
    RemoveTags,
    RenameTag,
    ReorderTags,
    SetClass,
    SetMark,
)
from curator.index.collection import Collection
from curator.index.editing import fold
from curator.index.images.images import FileFacts
from tests.images import NewImage, add_images


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    made = Collection.create(tmp_path)
    add(made, ["1girl", "solo", "long hair"], ["1girl", "smile"], [])
    return made


def add(collection: Collection, *rows: list[str]) -> list[int]:
    with collection.writing():
        root = collection.images.root("/p")
        first = collection.images.count()
        facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
        return add_images(
            collection,
            [NewImage(root, f"{first + k}.png", facts, tuple(tags)) for k, tags in enumerate(rows)],
        )


def test_undo_restores_the_place_of_a_removed_tag(collection: Collection) -> None:
    """The order of a caption is part of what is undone."""
    collection.apply(RemoveTags(("1girl", "solo")), [1])
    assert collection.tag_names([1]) == [("long hair",)]
    collection.undo()
    assert collection.tag_names([1]) == [("1girl", "solo", "long hair")]


@pytest.mark.parametrize("waits", [False, True])
def test_tags_given_and_taken_on_images_of_their_own_are_one_change(
    collection: Collection, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a rule derives for millions is one commit, whether its rows follow now or later."""
    monkeypatch.setattr(fold, "AT_ONCE", 0 if waits else 1000)
    given = (("best", BitMap([1, 2])), ("new", BitMap([2, 3])), ("smile", BitMap([2, 3])))
    edit = AddAndRemoveTags(given, (("1girl", BitMap([1])), ("solo", BitMap([2]))), "start", "derive")
    assert collection.preview(edit) == 3
    assert collection.preview(edit, [1]) == 1
    commit = collection.apply(edit)
    assert (commit.what, commit.images_changed, bool(collection.waiting())) == ("derive", 3, waits)
    rows = [("best", "solo", "long hair"), ("best", "new", "1girl", "smile"), ("new", "smile")]
    assert collection.tag_names([1, 2, 3]) == rows
    assert collection.check() == []
    collection.undo()
    before = [("1girl", "solo", "long hair"), ("1girl", "smile"), ()]
    assert collection.tag_names([1, 2, 3]) == before
    collection.fold()
    assert collection.tag_names([1, 2, 3]) == before
    assert collection.apply(AddAndRemoveTags((("smile", BitMap([2])),))).id == 0


def test_an_edit_without_effect_leaves_no_history(collection: Collection) -> None:
    commit = collection.apply(AddTags(("1girl",)), [1, 2])
    assert (commit.id, commit.images_changed) == (0, 0)
    assert collection.history() == []


def test_a_rename_of_every_use_touches_only_the_tag(collection: Collection) -> None:
    before = collection.tags.find("1girl")
    collection.apply(RenameTag("1girl", "one girl"))
    after = collection.tags.find("one girl")
    assert before is not None
    assert after is not None
    assert before.id == after.id


def test_a_rename_of_some_images_leaves_the_others(collection: Collection) -> None:
    collection.apply(RenameTag("1girl", "one girl"), [2])
    assert collection.tag_names([1, 2]) == [("1girl", "solo", "long hair"), ("one girl", "smile")]


def test_undoing_a_rename_keeps_the_words_of_images_that_came_later(collection: Collection) -> None:
    collection.apply(RenameTag("1girl", "girl"))
    old_name, new_name, both = add(collection, ["1girl", "x"], ["girl"], ["girl", "1girl"])
    collection.undo()
    assert collection.tag_names([1, old_name, new_name, both]) == [
        ("1girl", "solo", "long hair"),
        ("1girl", "x"),
        ("girl",),
        ("girl", "1girl"),
    ]
    add(collection, ["girl"])
    collection.redo()
    assert collection.tag_names([1, old_name, new_name, both]) == [
        ("girl", "solo", "long hair"),
        ("1girl", "x"),
        ("girl",),
        ("girl", "1girl"),
    ]
    assert collection.check() == []


def test_reorder_refuses_other_tags(collection: Collection) -> None:
    with pytest.raises(UserError):
        collection.apply(ReorderTags(("solo", "1girl")), [1])
    assert collection.tag_names([1]) == [("1girl", "solo", "long hair")]


@pytest.mark.parametrize("name", ["", " ", "a,b", "a\nb", " a", "a\0", "\udcff"])
def test_what_cannot_be_a_tag_is_refused_and_nothing_is_half_done(collection: Collection, name: str) -> None:
    with pytest.raises(UserError):
        collection.apply(AddTags(("fine", name)), [1])
    assert collection.tags.find("fine") is None
    assert collection.history() == []


def test_classes_are_edited_and_undone(collection: Collection) -> None:
    collection.apply(SetClass(("solo",), "count"))
    assert [tag.cls for tag in collection.tags_of(1)] == ["general", "count", "general"]
    collection.undo()
    assert {tag.cls for tag in collection.tags_of(1)} == {"general"}


def test_another_process_edits_and_this_one_undoes(collection: Collection) -> None:
    collection.rows([1])
    assert not collection.changed()
    script = (
        "import sys; from pathlib import Path; from curator.index.collection import Collection;"
        "from curator.index.changes.edits import AddTags;"
        "Collection.open(Path(sys.argv[1])).apply(AddTags(('far',)), [3])"
    )
    subprocess.run([sys.executable, "-c", script, str(collection.folder)], check=True)
    assert collection.changed()
    assert collection.tag_names([3]) == [("far",)]
    assert not collection.changed()
    assert collection.history()[0].what == "add 'far'"
    collection.undo()
    assert collection.tag_names([3]) == [()]
    assert collection.history()[0].undone


def test_a_new_edit_ends_redo(collection: Collection) -> None:
    collection.apply(SetMark(1), [1])
    collection.undo()
    collection.apply(SetMark(-1), [2])
    assert collection.redo() is None
    assert [row.mark for row in collection.rows([1, 2, 3])] == [0, -1, 0]


def test_names_that_are_not_utf8_come_back_byte_for_byte(tmp_path: Path) -> None:
    collection = Collection.create(tmp_path)
    with collection.writing():
        root = collection.images.root("/r\udce9")
        facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
        (number,) = add_images(collection, [NewImage(root, "a\nb\udcff/\x1b[31m.png", facts)])
    (row,) = collection.rows([number])
    assert row.full_path == "/r\udce9/a\nb\udcff/\x1b[31m.png"
    assert row.name == "\x1b[31m.png"
