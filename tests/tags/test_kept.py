"""Rules kept with the collection: offered again for what came since; groups of tags, in filters, rules and lists."""

from __future__ import annotations

import pytest
from PIL import Image

from curator.contract.errors import UserError
from curator.index.changes.edits import AddTags
from curator.session.session import Session
from curator.tags import kept, review


@pytest.fixture
def session(tmp_path):
    for at, tags in enumerate(("zebra, apple", "apple, black hair, facial hair", "sky")):
        Image.new("RGB", (16, 16), (at, 0, 0)).save(tmp_path / f"{at}.png")
        (tmp_path / f"{at}.txt").write_text(tags)
    with Session.create(tmp_path / "set") as session:
        session.images.scan(tmp_path)
        session.rules.keep_table("order", '[order]\nwithin = "name"\n')
        yield session


def tags(session: Session, image: int) -> list[str]:
    return [tag.name for tag in session.images.tags_of(image)]


def test_an_order_is_offered_again_for_what_came_since(session, tmp_path):
    everything = session.images.select("").ids
    session.rules.carry_out("order", everything, kept_for="apple")
    assert tags(session, 1) == ["apple", "zebra"]
    assert session.rules.due() == []
    session.edits.apply(AddTags(("aardvark",)), [1, 3])  # tags that come later
    Image.new("RGB", (16, 16), "red").save(tmp_path / "new.png")
    (tmp_path / "new.txt").write_text("pear, apple")
    session.images.scan(tmp_path)  # and images
    (due,) = session.rules.due()
    assert (due.rule, due.filter, due.review.looked_at, due.review.images) == ("order", "apple", 2, 2)
    session.rules.do_again("order")
    assert tags(session, 1) == ["aardvark", "apple", "zebra"]
    assert tags(session, 4) == ["apple", "pear"]
    assert tags(session, 3) == ["sky", "aardvark"]  # of no image that the rule was for
    assert session.rules.due() == []


def test_what_was_taken_back_or_forgotten_is_not_offered(session):
    session.rules.carry_out("order", session.images.select("").ids, kept_for="")
    session.edits.undo()
    session.edits.apply(AddTags(("aardvark",)), [1])
    assert session.rules.due() == []
    session.rules.carry_out("order", session.images.select("").ids, kept_for="")
    session.edits.apply(AddTags(("aa",)), [1])
    assert len(session.rules.due()) == 1
    assert session.rules.forget("order")
    assert session.rules.due() == []


def test_what_is_due_is_looked_up_again_only_when_something_changed(session, monkeypatch):
    """The app asks every few seconds; one look at millions of images that came takes seconds."""
    looks: list[str] = []
    plain = kept.glance
    monkeypatch.setattr(kept, "glance", lambda *given: looks.append(given[1]) or plain(*given))
    session.rules.carry_out("order", session.images.select("").ids, kept_for="")
    session.edits.apply(AddTags(("aardvark",)), [1])
    assert len(session.rules.due()) == len(session.rules.due()) == len(looks) == 1
    session.edits.apply(AddTags(("aaa",)), [2])
    assert session.rules.due()[0].review.images == 2
    session.rules.keep_table("order", '[order]\nwithin = "common"\n')
    session.rules.due()
    assert len(looks) == 3
    session.rules.forget("order")
    assert session.rules.due() == []


def test_of_very_many_images_that_relations_concern_a_sample_is_looked_at(session, monkeypatch):
    session.rules.keep_table("relations", '[relations]\nwhen = [{has = ["apple"], add = ["fruit"]}]\n')
    monkeypatch.setattr(review, "SAMPLE", 1)
    everything = session.images.select("").ids
    found = session.rules.glance("relations", everything)
    assert (found.looked_at, found.images, found.sampled_from) == (1, 1, 2)  # of the two with an apple
    monkeypatch.setattr(review, "SAMPLE", 2)
    found = session.rules.glance("relations", everything)
    assert (found.looked_at, found.images, found.sampled_from) == (3, 2, 0)


def test_groups_filter_drop_and_count(session):
    assert session.images.select("group:hair").ids.tolist() == [2]  # black hair; no beard
    assert session.images.select("-group:background").ids.tolist() == [1, 2]
    assert [tag.name for tag in session.tags.in_group("hair")] == ["black hair"]
    with pytest.raises(UserError, match="no group 'hare'"):
        session.images.select("group:hare")
    session.rules.keep_table("groups", '[groups]\nfruit = ["apple", "pear"]\nhair = []\n')
    assert session.images.select("group:fruit").ids.tolist() == [1, 2]
    assert "hair" not in session.rules.groups()
    session.rules.keep_table("clean", '[clean]\ndrop = ["group:fruit"]\n')
    session.rules.carry_out("clean", session.images.select("").ids)
    assert session.images.select("group:fruit").ids.tolist() == []
    session.rules.keep_table("clean", '[clean]\ndrop = ["group:none"]\n')
    with pytest.raises(UserError, match="no group 'none'"):
        session.rules.review("clean", session.images.select("").ids)
