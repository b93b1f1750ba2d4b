"""Which copies stay (B16): ties go by mark, tags, caption and path; one always stays; words are carried over."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.index.changes.edits import SetMark
from curator.index.images.images import FileFacts
from curator.scan.copies.duplicates import find_groups
from curator.session.session import Session
from tests.images import NewImage, add_images
from tests.inside import inside

Row = tuple[str, tuple[str, ...], str]  # path, tags, caption


def session_of(folder: Path, rows: list[Row], sizes: list[tuple[int, int]] | None = None) -> Session:
    """One image in several files of the same content."""
    session = Session.create(folder)
    with inside(session).writing():
        root = inside(session).images.root("/p")
    new = [
        NewImage(root, path, FileFacts(b"s" * 32, 9, 0, *size, "png"), tags, caption)
        for (path, tags, caption), size in zip(rows, sizes or [(8, 8)] * len(rows), strict=True)
    ]
    add_images(inside(session), new)
    return session


def kept(session: Session, best: str = "size", **how: bool) -> list[str]:
    """The paths left where the best of every group stays."""
    ids = session.images.select("").ids.tolist()
    keeping = session.copies.keep_best(find_groups(inside(session), ids, None, best), best, **how)
    assert session.edits.preview(keeping.edit, keeping.images) == len(keeping.images)
    session.edits.apply(keeping.edit, keeping.images)
    return [row.path for row in session.images.rows(session.images.select("-mark:reject").ids.tolist())]


@pytest.mark.parametrize(
    ("rows", "stays"),
    [
        ([("a", (), ""), ("b", ("cat",), "")], "b"),
        ([("a", ("cat",), ""), ("b", ("cat", "dog"), "")], "b"),
        ([("a", ("cat",), ""), ("b", ("cat",), "a cat")], "b"),
        ([("a", (), "a cat"), ("b", ("cat",), "")], "b"),
        ([("b", ("cat",), ""), ("a", ("cat",), "")], "a"),
    ],
)
def test_ties_go_by_tags_then_caption_then_path(tmp_path: Path, rows: list[Row], stays: str) -> None:
    assert kept(session_of(tmp_path, rows)) == [stays]


def test_what_was_asked_for_comes_before_words(tmp_path: Path) -> None:
    rows = [("a", (), ""), ("b", ("cat",), "")]
    assert kept(session_of(tmp_path / "size", rows, [(9, 9), (8, 8)])) == ["a"]
    session = session_of(tmp_path / "score", rows)
    inside(session).scores.write("nice", [(1, 0.9), (2, 0.1)])
    assert kept(session, "score(nice)") == ["a"]


def test_the_last_copy_left_is_never_rejected(tmp_path: Path) -> None:
    """A person rejected the best one: the next is the best, and stays."""
    session = session_of(tmp_path, [("a", ("cat",), ""), ("b", (), ""), ("c", (), "")])
    session.edits.apply(SetMark(-1), [1])
    assert kept(session) == ["b"]
    assert kept(session) == ["b"]
    session.edits.apply(SetMark(-1), [2])
    before = len(session.edits.history())
    assert kept(session) == []  # all rejected by hand, not by us
    assert len(session.edits.history()) == before


def test_what_is_marked_to_keep_stays_and_is_the_best(tmp_path: Path) -> None:
    session = session_of(tmp_path, [("a", ("cat",), ""), ("b", (), ""), ("c", (), "")])
    session.edits.apply(SetMark(1), [2, 3])
    assert kept(session) == ["b", "c"]


def test_words_are_carried_over_and_one_undo_takes_all_back(tmp_path: Path) -> None:
    rows = [("a", ("long hair", "cat"), ""), ("b", ("long_hair", "hat"), "one"), ("c", ("Cat", "dog"), "two")]
    session = session_of(tmp_path, rows, [(9, 9), (8, 8), (8, 8)])
    assert kept(session, carry_annotations=True) == ["a"]
    assert inside(session).tag_names([1, 2]) == [("long hair", "cat", "hat", "dog"), ("long_hair", "hat")]
    assert session.images.rows([1])[0].caption == "one"
    assert inside(session).check() == []
    session.edits.undo()
    assert [row.mark for row in session.images.rows([1, 2, 3])] == [0, 0, 0]
    assert inside(session).tag_names([1]) == [("long hair", "cat")]
    assert session.images.rows([1])[0].caption == ""
    session.edits.redo()
    assert inside(session).tag_names([1]) == [("long hair", "cat", "hat", "dog")]
    assert [row.mark for row in session.images.rows([1, 2, 3])] == [0, -1, -1]


def test_a_chosen_one_stays_even_if_it_was_rejected(tmp_path: Path) -> None:
    session = session_of(tmp_path, [("a", ("cat",), ""), ("b", (), "")])
    session.edits.apply(SetMark(-1), [2])
    (group,) = find_groups(inside(session), [1, 2])
    keeping = session.copies.keep_chosen(group, 2, carry_annotations=True)
    session.edits.apply(keeping.edit, keeping.images)
    assert [row.mark for row in session.images.rows([1, 2])] == [-1, 0]
    assert inside(session).tag_names([2]) == [("cat",)]


@settings(max_examples=40, deadline=None)
@given(marks=st.lists(st.sampled_from([-1, 0, 1]), min_size=2, max_size=4), tagged=st.integers(0, 3))
def test_one_of_each_group_always_stays(
    tmp_path_factory: pytest.TempPathFactory, marks: list[int], tagged: int
) -> None:
    rows = [(f"{at}", ("cat",) if at == tagged else (), "") for at in range(len(marks))]
    with session_of(tmp_path_factory.mktemp("set"), rows) as session:
        for image, mark in enumerate(marks, 1):
            session.edits.apply(SetMark(mark), [image])
        left = kept(session)
        stays = [str(at) for at, mark in enumerate(marks) if mark == 1]
        assert left == stays if stays else len(left) == (1 if any(mark != -1 for mark in marks) else 0)
