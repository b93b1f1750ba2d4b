"""Relations between tags: groups that exclude each other, and conditions (B23)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from curator.contract.errors import UserError
from curator.index.collection import Collection
from curator.tags.clean import Diff
from curator.tags.relate import relate, related_annotations, relations_of
from curator.tags.review import review
from curator.tags.tables import check, default_tables, tables_of, with_changes
from tests.tags.conftest import Maker, Post

HAIR = {"tags": ["* hair"], "keep": "common", "unless": ["multicolored hair", "*girls"]}
EARS = {"has": ["* ears"], "without": ["*boy"], "add": ["animal_ears"], "drop": ["dog tail"]}


def tables(
    exclusive: Sequence[Mapping[str, Any]] = (), when: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    changes = {"relations": {"exclusive": [*exclusive], "when": [*when]}}
    check(changes)
    return changes


def after(collection: Collection, changes: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rules = relations_of(with_changes(tables_of(collection), dict(changes)))
    ids = [row.id for row in collection.rows(range(1, collection.images.count() + 1))]
    relate(collection, ids, rules)
    return collection.tag_names(ids)


@pytest.mark.parametrize(
    ("keep", "kept"),
    [("first", ["red hair"]), ("last", ["black hair"]), ("common", ["black hair"]), ("none", [])],
)
def test_one_of_a_group_stays(rows: Maker, keep: str, kept: list[str]) -> None:
    """Which one the rule says; elsewhere, and where `unless` holds, nothing changes; undone it is as before."""
    pictures = [
        ("1girl", "red hair", "hat", "black hair"),
        ("black hair",),
        ("2girls", "red hair", "black hair"),
        ("multicolored hair", "red hair"),
        ("black hair", "hat"),
    ]
    collection = rows(list(map(Post, pictures)))
    found = after(collection, tables([{**HAIR, "keep": keep}]))
    assert found == [tuple(tag for tag in pictures[0] if "hair" not in tag or tag in kept), *pictures[1:]]
    collection.undo()
    assert collection.tag_names([1]) == [pictures[0]]


def test_a_condition_adds_and_takes_away(rows: Maker) -> None:
    """A tag that is there in another spelling is not added again; `without` keeps the rule away."""
    collection = rows(
        list(
            map(
                Post,
                [
                    ("cat ears", "dog tail"),
                    ("cat ears", "animal ears"),
                    ("cat ears", "1boy", "dog tail"),
                    ("dog tail",),
                ],
            )
        )
    )
    assert after(collection, tables(when=[EARS])) == [
        ("cat ears", "animal ears"),
        ("cat ears", "animal ears"),
        ("cat ears", "1boy", "dog tail"),
        ("dog tail",),
    ]


def test_what_one_rule_adds_another_asks_for(rows: Maker) -> None:
    collection = rows([Post(("a",))])
    chain = [{"has": ["b"], "add": ["c"]}, {"has": ["a"], "add": ["b"]}]
    only = [{"tags": ["a", "c"], "keep": "last"}]
    assert after(collection, tables(only, chain)) == [("b", "c")]


def test_rules_that_never_end_are_refused(rows: Maker) -> None:
    """And what one takes back in the same pass is told of no more."""
    collection = rows([Post(("a",))])
    ring = [{"has": [old], "add": [new], "drop": [old]} for old, new in ("ca", "bc", "ab")]
    with pytest.raises(UserError, match="never come to an end"):
        after(collection, tables(when=ring))
    assert collection.tag_names([1]) == [("a",)]
    back = [{"has": ["a"], "without": ["b"], "add": ["b", "c"]}, {"has": ["a", "b"], "drop": ["b"]}]
    found = review(collection, "relations", np.array([1]), with_changes(default_tables(), tables(when=back)))
    assert [each.after for each in found.changes] == ["c"]


def test_the_review_counts_each_change(rows: Maker) -> None:
    collection = rows(
        list(map(Post, [("red hair", "black hair"), ("red hair", "black hair", "cat ears"), ("hat",)]))
    )
    changed = with_changes(tables_of(collection), tables([{**HAIR, "keep": "first"}], [EARS]))
    found = review(collection, "relations", np.array([1, 2, 3]), changed)
    assert (found.images, found.looked_at) == (2, 3)
    assert {(each.why, each.before, each.after, each.images) for each in found.changes} == {
        ("exclusive", "black hair", "", 2),
        ("when", "", "animal ears", 1),
    }


def test_images_that_no_rule_concerns_are_not_read(rows: Maker) -> None:
    collection = rows(
        list(map(Post, [("red hair",), ("black hair",), ("red hair", "black hair"), ("cat ears",)]))
    )
    rules = relations_of(with_changes(tables_of(collection), tables([HAIR])))
    seen: list[tuple[int, int]] = []
    found = related_annotations(collection, [1, 2, 3, 4], rules, Diff(), lambda *at: seen.append(at))
    assert [each.image for each in found] == [3]
    assert seen == [(1, 1)]


@pytest.mark.parametrize(
    ("exclusive", "when", "says"),
    [
        ([{"tags": []}], [], "no tags"),
        ([{"tags": ["a"], "keep": "best"}], [], "keeps 'best'"),
        ([], [{"add": ["a"]}], "no condition"),
        ([], [{"has": ["a"]}], "changes nothing"),
        ([], [{"has": ["a"], "add": ["b, c"]}], "comma"),
        ([], [{"has": ["a"], "ad": ["b"]}], "ad"),
        ([{"tags": "a"}], [], "a list"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(rows: Maker, exclusive: Any, when: Any, says: str) -> None:
    with pytest.raises(UserError) as caught:
        relations_of(with_changes(tables_of(rows([])), tables(exclusive, when)))
    assert says in f"{caught.value.what} {caught.value.hint}"
