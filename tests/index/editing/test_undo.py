"""Undo of one commit while others stand: what comes back, what stays and is counted. Row B03."""

from __future__ import annotations

from pathlib import Path

import pytest

from curator.contract.errors import UserError
from curator.index.changes.edits import (
    AddTags,
    Annotations,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetClass,
    SetMark,
)
from curator.index.collection import Collection
from curator.index.editing import fold
from curator.index.images.images import FileFacts
from curator.index.undo.tag_merge import merged_tags
from tests.images import NewImage, add_images


@pytest.fixture(params=[0, 1000], ids=["waits", "at once"])
def collection(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    monkeypatch.setattr(fold, "AT_ONCE", request.param)
    made = Collection.create(tmp_path)
    with made.writing():
        root = made.images.root("/p")
    facts = FileFacts(b"s" * 32, 1, 2, 3, 4, "png")
    add_images(made, [NewImage(root, f"{k}.png", facts, ("1girl", "solo", "hat")) for k in range(4)])
    return made


def tagged(collection: Collection, image: int, *tags: str) -> None:
    collection.apply(Rewrite((Annotations(image, tags),), "tagged"), [image], "tagger", durable=False)


def test_an_edit_is_taken_back_beneath_newer_commits_of_a_tagger(collection: Collection) -> None:
    collection.apply(RemoveTags(("solo",)))
    tagged(collection, 2, "1girl", "hat", "smile")
    tagged(collection, 3, "solo")
    tagged(collection, 4, "night")
    undone = collection.undo()
    assert undone is not None
    assert (undone.images_changed, undone.skipped) == (3, 1)
    assert collection.tag_names([1, 2, 3, 4]) == [
        ("1girl", "solo", "hat"),
        ("1girl", "solo", "hat", "smile"),
        ("solo",),
        ("solo", "night") if collection.tag_names([4])[0][0] == "solo" else ("night", "solo"),
    ]
    assert collection.undo() is None  # what the tagger did is not this actor's
    assert [each.undone for each in collection.history()] == [False, False, False, True]
    assert collection.check() == []


def test_what_stayed_is_taken_back_later_when_asked_again(collection: Collection) -> None:
    first = collection.apply(AddTags(("new",))).id
    collection.apply(RemoveTags(("new",)), [1], "other")
    added = collection.apply(AddTags(("new",), "start"), [1], "other").id
    undone = collection.undo(commit=first)
    assert undone is not None
    assert (undone.images_changed, undone.skipped) == (3, 1)
    assert collection.history()[-1].skipped == 1
    collection.undo("other", added)
    collection.undo("other")
    assert collection.tag_names([1]) == [("1girl", "solo", "hat", "new")]
    again = collection.undo(commit=first)
    assert again is not None
    assert (again.images_changed, again.skipped) == (1, 0)
    with pytest.raises(UserError):
        collection.undo(commit=first)
    redone = collection.redo(commit=first)
    assert redone is not None
    assert redone.images_changed == 4
    assert collection.check() == []


def test_it_goes_on_after_a_restart_a_fold_and_from_another_process(collection: Collection) -> None:
    first = collection.apply(AddTags(("a",), 1)).id
    collection.apply(RenameTag("1girl", "girl"))
    collection.fold()
    other = Collection.open(collection.folder)
    other.apply(AddTags(("b",)), [2], "tagger")
    other.undo(commit=first)
    assert collection.tag_names([1, 2]) == [("girl", "solo", "hat"), ("girl", "solo", "hat", "b")]
    again = Collection.open(collection.folder)
    again.redo(commit=first)
    again.undo()
    assert collection.tag_names([1, 2]) == [("1girl", "a", "solo", "hat"), ("1girl", "a", "solo", "hat", "b")]
    collection.undo()
    assert other.tag_names([1, 2]) == [("1girl", "solo", "hat"), ("1girl", "solo", "hat", "b")]
    assert other.check() == []


def test_a_tagger_does_not_end_redo(collection: Collection) -> None:
    collection.apply(SetMark(1), [1])
    collection.undo()
    tagged(collection, 2, "night")
    assert collection.redo() is not None
    assert collection.rows([1])[0].mark == 1


def test_a_name_that_others_changed_since_stays(collection: Collection) -> None:
    renamed = collection.apply(RenameTag("solo", "alone")).id
    collection.apply(RenameTag("alone", "single"), [3], "other")
    tagged(collection, 4, "solo", "1girl")
    undone = collection.undo(commit=renamed)
    assert undone is not None
    assert (undone.images_changed, undone.skipped) == (2, 2)
    assert collection.tag_names([1, 3, 4]) == [
        ("1girl", "solo", "hat"), ("1girl", "single", "hat"), ("solo", "1girl"),
    ]  # fmt: skip
    assert collection.check() == []


def test_an_order_comes_back_where_nobody_changed_the_tags(collection: Collection) -> None:
    collection.apply(ReorderTags(("hat", "solo", "1girl")))
    collection.apply(AddTags(("x",)), [2], "tagger")
    undone = collection.undo()
    assert undone is not None
    assert undone.skipped == 1
    assert collection.tag_names([1, 2]) == [("1girl", "solo", "hat"), ("hat", "solo", "1girl", "x")]


def test_classes_and_marks_are_left_where_another_set_them(collection: Collection) -> None:
    collection.apply(SetClass(("solo", "hat"), "count"))
    collection.apply(SetClass(("hat",), "clothes"), actor="other")
    undone = collection.undo()
    assert undone is not None
    assert undone.skipped == 1
    assert [tag.cls for tag in collection.tags_of(1)] == ["general", "general", "clothes"]
    collection.apply(SetMark(1), [1, 2])
    collection.apply(SetMark(-1), [2], "other")
    undone = collection.undo()
    assert undone is not None
    assert undone.skipped == 1
    assert [row.mark for row in collection.rows([1, 2])] == [0, -1]
    assert collection.check() == []


def test_what_cannot_be_taken_back_is_refused(collection: Collection) -> None:
    number = collection.apply(SetMark(1), [1]).id
    for refused in (collection.redo, collection.undo):
        with pytest.raises(UserError):
            refused(commit=999)
    with pytest.raises(UserError):
        collection.redo(commit=number)
    undone = collection.undo()
    assert undone is not None
    with pytest.raises(UserError):
        collection.undo(commit=undone.id)  # the number of an undo is no change


def test_words_that_come_back_stand_behind_their_neighbours() -> None:
    before, after = ["a", "b", "c"], ["a", "d"]
    assert merged_tags(before, after, ["a", "d"], set()) == before
    assert merged_tags(before, after, ["x", "a", "d", "y"], set()) == ["x", "a", "b", "c", "y"]
    assert merged_tags(before, after, ["y"], {"d"}) == ["b", "c", "y"]
    assert merged_tags(before, after, ["d", "a"], {"c", "d"}) == ["d", "a", "b"]
