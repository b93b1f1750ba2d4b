"""Rules carried out while another program edits: its tags stay, and what rules gave is remembered rightly."""

from __future__ import annotations

from typing import Any

import pytest

from curator.filter.evaluate import select
from curator.index.changes.edits import AddTags, Annotations
from curator.index.collection import Collection
from curator.index.tables.metadata import PostFacts
from curator.tags import rewriting
from curator.tags.deriving.derive import derive
from curator.tags.deriving.derive_plan import carry_out, plan_derived
from curator.tags.order import OrderRule, order, order_rule
from curator.tags.tables import default_tables, tables_of
from tests.tags.conftest import Post


def tags(collection: Any, image: int) -> list[str]:
    return [tag.name for tag in collection.tags_of(image)]


@pytest.mark.parametrize("at_once", [2, 100])
def test_tags_that_come_while_tags_are_rewritten_stay(
    rows: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Whether the commit is one or several, and however the image was before."""
    monkeypatch.setattr(rewriting, "IMAGES_A_COMMIT", at_once)
    collection = rows(
        [Post(("long_hair",)), Post(("long_hair", "smile")), Post(("smile",)), Post(("long_hair",))]
    )
    other = Collection.open(collection.folder)
    seen: list[int] = []

    def change(image: int, own: tuple[str, ...], _: str) -> Annotations | None:
        seen.append(image)
        if seen == [1, 2]:  # amid the reading, before anything is written
            other.apply(AddTags(("of a tagger",)), [1, 2, 3], "tagger")
        new = tuple(each.replace("_", " ") for each in own)
        return Annotations(image, new) if new != own else None

    made = rewriting.commit(collection, rewriting.Rewriting(collection, [1, 2, 3, 4], change), "clean")
    assert [tags(collection, image) for image in (1, 2, 3, 4)] == [
        ["long hair", "of a tagger"],
        ["long hair", "smile", "of a tagger"],
        ["smile", "of a tagger"],
        ["long hair"],
    ]
    for each in reversed(made):
        collection.undo(commit=each.id)
    assert tags(collection, 2) == ["long_hair", "smile", "of a tagger"]
    other.close()


def test_a_tag_nobody_had_when_tags_were_ordered_goes_last(
    rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = rows([Post(("smile", "1girl"))])
    other, honest = Collection.open(collection.folder), OrderRule.place

    def place(self: OrderRule, tag: Any) -> Any:
        if "new" not in tags(other, 1):
            other.apply(AddTags(("new",)), [1], "tagger")
        return honest(self, tag)

    monkeypatch.setattr(OrderRule, "place", place)
    order(collection, [1], order_rule(default_tables()))
    assert tags(collection, 1) == ["1girl", "smile", "new"]
    other.close()


def test_a_derive_planned_before_another_remembers_what_is_by_hand(rows: Any) -> None:
    """A tag that a person gave between plan and change is not a rule's, so a later derive leaves it."""
    collection = rows([Post(facts=PostFacts(1, "general")), Post(facts=PostFacts(2, "general"))])
    ids = select(collection, "").ids
    derived = derive(collection, ids, "rating", tables_of(collection))
    plan = plan_derived(collection, derived, ids)
    with Collection.open(collection.folder) as other:
        other.apply(AddTags(("safe",)), [1])
    carry_out(collection, derived, plan)
    assert [tags(collection, image) for image in (1, 2)] == [["safe"], ["safe"]]
    (ruled,) = collection.rule_tags.of_kind("rating").values()
    assert list(ruled) == [2]
