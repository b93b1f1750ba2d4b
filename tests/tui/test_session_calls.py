"""What the app asks of a session: one call for many images, and nothing left waiting that a moment can finish."""

from __future__ import annotations

import pytest

from curator.contract.errors import UserError
from curator.freeze import captions as module
from curator.index.changes.edits import AddTags
from curator.index.tables.rows import Subset
from curator.session.session import Session
from tests.inside import inside


def test_captions_of_many_pictures_look_for_the_subsets_once(session, monkeypatch):
    session.subsets.save(Subset("beasts", "animal"))
    asked: list[object] = []
    plain = module.members_of
    monkeypatch.setattr(module, "members_of", lambda *each: asked.append(each) or plain(*each))
    ids = session.images.select("").ids.tolist()
    captions = session.captions.of_images(ids, range(2))
    assert len(asked) == 1
    assert captions == {ids[0]: ["cat, animal, indoors"] * 2, ids[1]: ["dog, animal, outdoors"] * 2}
    assert {image: subset.name for image, subset in session.subsets.of_images(ids).items()} == dict.fromkeys(
        ids[:2], "beasts"
    )


def test_closing_folds_and_survives_a_full_disk(session, monkeypatch):
    other = Session.open(session.folder)
    folded: list[float] = []
    monkeypatch.setattr(inside(other), "waiting", lambda: 7)
    monkeypatch.setattr(inside(other), "fold", lambda budget: folded.append(budget) or 0)
    other.close()
    assert folded == [0.5]

    def full(_budget: float) -> int:
        raise UserError("the disk is full", "free some space")

    other = Session.open(session.folder)
    monkeypatch.setattr(inside(other), "waiting", lambda: 7)
    monkeypatch.setattr(inside(other), "fold", full)
    other.close()


def test_going_back_to_an_edit_is_whole_or_not_at_all(session):
    first, second = (session.edits.apply(AddTags((tag,)), [1]).id for tag in ("first", "second"))
    assert [each.what for each in session.edits.undo_to(first)] == ["add 'second'", "add 'first'"]
    with pytest.raises(UserError):
        session.edits.undo_to(first)
    assert len(session.edits.redo_to(first)) == 1
    third = session.edits.apply(AddTags(("third",)), [1]).id
    with pytest.raises(UserError):
        session.edits.redo_to(second)
    session.edits.undo()
    with pytest.raises(UserError):
        session.edits.redo_to(second)
    tags = [tag.name for tag in session.images.tags_of(1)]
    assert "third" not in tags
    assert len(session.edits.redo_to(third)) == 1
    assert not inside(session).check()


def test_work_apart_is_seen_and_leaves_the_session_free(session):
    """What was written apart counts as written; a mistake in it ends it, and nothing more."""
    with Session.open(session.folder) as other:
        with other.apart() as own:
            own.edits.apply(AddTags(("apart",)), [1])
        assert other.has_written
        assert not inside(other).has_written
        assert "apart" in [tag.name for tag in other.images.tags_of(1)]
        with pytest.raises(UserError), other.apart() as own:
            own.images.select("wdith>3")
        assert other.edits.undo()


def test_copies_are_looked_at_once_and_chosen_by_a_known_order(session):
    ids = session.images.select("").ids
    assert session.copies.find(ids) == []
    assert session.copies.fingerprint(ids.tolist()).fingerprinted == len(ids)
    assert session.copies.fingerprint(ids.tolist()).fingerprinted == 0
    assert session.copies.orders() == ("size", "score", "fav", "bytes")
    with pytest.raises(UserError):
        session.copies.find(ids, 0, "beauty")


def test_a_balance_sets_what_was_shown(session):
    """Of the subsets that are still there."""
    for name, words in (("cats", "cat"), ("vehicles", "vehicle")):
        session.subsets.add(Subset(name, words))
    shown = session.subsets.balanced(session.freezing.preview())
    assert shown == session.subsets.balanced()
    session.subsets.remove("cats")
    session.subsets.balance(shown)
    assert {each.name: each.repeats for each in session.subsets.all()} == {"vehicles": 0.75}


def test_a_table_is_looked_at_before_it_is_kept(session):
    ids = session.images.select("").ids
    before = session.rules.table("clean")
    mistaken = before.replace("[clean]", "[clean]\nunknown = 1")
    with pytest.raises(UserError):
        session.rules.glance("clean", ids, table=mistaken)
    with pytest.raises(UserError):
        session.rules.keep_table("clean", mistaken)
    assert session.rules.table("clean") == before
    longer = before.replace("drop = [", 'drop = ["animal", ')
    assert session.rules.glance("clean", ids, table=longer).images == 2
    assert session.rules.glance("clean", ids).images == 0
