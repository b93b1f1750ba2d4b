"""Tags that follow from facts: quality (S011), too young posts (S012), ratings (S013), years (S014), heads (S019)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.changes.edits import AddTags, RemoveTags, RenameTag
from curator.index.tables.metadata import PostFacts
from curator.tags.deriving.derive import derive
from curator.tags.deriving.derive_plan import USED, DerivePlan, carry_out, classify_counts, plan_derived
from curator.tags.tables import default_tables, tables_of, with_changes
from tests.tags.conftest import Post

WORDS = [
    "masterpiece",
    "best quality",
    "great quality",
    "good quality",
    "normal quality",
    "low quality",
    "worst quality",
]


def year(number: int, month: int = 1, day: int = 1, second: int = 0) -> int:
    return int(datetime(number, month, day, tzinfo=UTC).timestamp()) + second


def apply(collection: Any, kind: str, changes: dict[str, Any] | None = None, filter: str = "") -> Any:
    ids = select(collection, filter).ids
    tables = with_changes(tables_of(collection), changes or {})
    derived = derive(collection, ids, kind, tables)
    plan = plan_derived(collection, derived, ids)
    carry_out(collection, derived, plan)
    return plan


def tags(collection: Any, image: int) -> list[str]:
    return [tag.name for tag in collection.tags_of(image)]


def counts(collection: Any) -> dict[str, int]:
    return {tag.name: tag.count for tag in collection.all_tags()}


@pytest.mark.parametrize(
    ("preset", "shares"),
    [("kohaku", [5, 10, 10, 25, 25, 15, 10]), ("hakubooru", [10, 15, 15, 15, 15, 20, 10])],
)
def test_the_share_of_each_quality_inside_each_rating(rows: Any, preset: str, shares: list[int]) -> None:
    """S011: seven classes by six cuts, computed for each rating by itself."""
    posts = [Post(facts=PostFacts(i, "general", fav=i)) for i in range(1000)]
    posts += [Post(facts=PostFacts(i, "explicit", fav=10 * i)) for i in range(1000)]
    collection = rows(posts)
    apply(collection, "quality", {"quality": {"preset": preset}})
    for rating in ("general", "explicit"):
        found = [len(select(collection, f'rating:{rating} "{word}"')) for word in WORDS]
        assert [round(count / 10) for count in found] == shares
        assert sum(found) == 1000
    assert {tag.cls for tag in collection.all_tags()} == {"quality"}


def test_a_value_at_a_cut_is_below_it(rows: Any) -> None:
    """S011: strictly greater; with every value the same, all are the worst."""
    collection = rows([Post(facts=PostFacts(i, "general", fav=7)) for i in range(20)])
    apply(collection, "quality")
    assert counts(collection) == {"worst quality": 20}
    fixed = rows([Post(facts=PostFacts(i, "general", fav=fav)) for i, fav in enumerate((27, 28, 1, 2))])
    apply(fixed, "quality", {"quality": {"preset": "hakubooru-counts"}})
    assert [tags(fixed, image) for image in (1, 2, 3, 4)] == [
        ["best quality"], ["masterpiece"], ["worst quality"], ["low quality"],
    ]  # fmt: skip


def test_own_cuts(rows: Any) -> None:
    collection = rows([Post(facts=PostFacts(i, "general", score=i)) for i in range(10)])
    mine = {
        "quality": {
            "preset": "mine",
            "source": "score",
            "presets": {"mine": {"cuts": [50], "words": ["good", "bad"]}},
        }
    }
    apply(collection, "quality", mine)
    assert counts(collection) == {"good": 5, "bad": 5}


def test_posts_too_young_get_none_and_do_not_count(rows: Any) -> None:
    """S012"""
    posts = [Post(facts=PostFacts(i, "general", fav=i, posted=year(2020))) for i in range(1, 101)]
    posts += [Post(facts=PostFacts(1000 + i, "general", fav=10**6, posted=year(2023, 6))) for i in range(100)]
    for change in ({"too_young_post": 500}, {"too_young_date": "2023-06-01"}):
        collection = rows(posts)
        plan = apply(collection, "quality", {"quality": change})
        assert counts(collection)["masterpiece"] == 5
        assert len(plan.images) == 100
        assert not len(select(collection, "post>500 -untagged"))


def test_the_last_settled_post_and_day_still_count(rows: Any) -> None:
    """S012: "above 500" leaves 500 in; "from 2023-06-01 on" leaves the evening before in."""
    posts = [
        Post(facts=PostFacts(499, "general", fav=1, posted=year(2023, 5))),
        Post(facts=PostFacts(500, "general", fav=2, posted=year(2023, 6) - 1)),
        Post(facts=PostFacts(501, "general", fav=3, posted=year(2023, 6))),
    ]
    for change in ({"too_young_post": 500}, {"too_young_date": "2023-06-01"}):
        collection = rows(posts)
        apply(collection, "quality", {"quality": change})
        assert sorted(select(collection, "-untagged").ids.tolist()) == [1, 2]


def test_no_rating_or_no_count_gives_no_quality(rows: Any) -> None:
    collection = rows([Post(facts=PostFacts(1, "", fav=1)), Post(facts=PostFacts(2, "general"))])
    assert not apply(collection, "quality").images


def test_rating_words(rows: Any) -> None:
    """S013: unknown ratings give nothing."""
    collection = rows(
        [
            Post(facts=PostFacts(i, r))
            for i, r in enumerate(("general", "sensitive", "questionable", "explicit", ""))
        ]
    )
    apply(collection, "rating")
    assert [tags(collection, image) for image in range(1, 6)] == [
        ["safe"], ["sensitive"], ["nsfw"], ["nsfw", "explicit"], [],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("posted", "word"),
    [
        (year(2005), "old"), (year(2011, second=-1), "old"), (year(2011), "early"), (year(2015, second=-1), "early"),
        (year(2015), "mid"), (year(2018, second=-1), "mid"), (year(2018), "recent"), (year(2020, 12, 31), "recent"),
        (year(2021), "newest"), (year(2024, 12, 31), "newest"), (year(2025), None), (year(2005, second=-1), None),
        (None, None),
    ],
)  # fmt: skip
def test_year_bands(rows: Any, posted: int | None, word: str | None) -> None:
    """S014: edges, years outside all bands, and no date at all."""
    collection = rows([Post(facts=PostFacts(1, posted=posted))])
    apply(collection, "year")
    assert tags(collection, 1) == ([word] if word else [])


def test_a_fixed_head(rows: Any) -> None:
    """S019: every caption begins with all of it, in its order, and says no tag twice."""
    head = ["new", "newest", "masterpiece", "best quality"]
    posts = [
        ("1girl",),
        ("cat", "newest"),
        ("best_quality", "dog", "Best Quality"),
        (*head, "bird"),
        ("newest", "new", "masterpiece", "best quality"),
    ]
    collection = rows([Post(each) for each in posts])
    ids = select(collection).ids
    before = [tags(collection, image) for image in ids.tolist()]

    def put() -> DerivePlan:
        tables = with_changes(default_tables(), {"head": {"tags": head}})
        derived = derive(collection, ids, "head", tables)
        plan = plan_derived(collection, derived, ids)
        carry_out(collection, derived, plan, at_start=True)
        return plan

    assert put().images == BitMap([1, 2, 3, 5])
    assert [tags(collection, image) for image in (1, 2, 4, 5)] == [
        [*head, "1girl"], [*head, "cat"], [*head, "bird"], head,
    ]  # fmt: skip
    assert tags(collection, 3) == [*head[:3], "best_quality", "dog"]
    assert not put().images
    while collection.undo("rules"):
        pass
    assert [tags(collection, image) for image in ids.tolist()] == before


def test_a_derived_word_is_the_tag_that_is_there_however_spelled(rows: Any) -> None:
    """What a person gave stands, under whatever spelling."""
    collection = rows(
        [Post(("Best_Quality",), facts=PostFacts(1, "general", fav=1))]
        + [Post(facts=PostFacts(i, "general", fav=i)) for i in range(2, 41)]
    )
    apply(collection, "quality")
    assert tags(collection, 1) == ["Best_Quality"]
    assert not [tag for tag in collection.all_tags() if tag.name == "best quality"]
    collection.apply(RenameTag("masterpiece", "Masterpiece"))
    assert not apply(collection, "quality").images


def test_done_again_it_changes_nothing_and_follows_new_facts(rows: Any) -> None:
    collection = rows([Post(("cat",), facts=PostFacts(i, "general", fav=i)) for i in range(40)])
    apply(collection, "quality")
    commits = len(collection.history())
    assert not apply(collection, "quality").images
    assert len(collection.history()) == commits
    collection.metadata.write([(1, PostFacts(fav=1000))])
    apply(collection, "quality")
    assert tags(collection, 1) == ["cat", "masterpiece"]
    apply(
        collection, "quality", {"quality": {"presets": {"kohaku": {"cuts": [50], "words": ["up", "down"]}}}}
    )
    assert set(counts(collection)) == {"cat", "up", "down"}


def test_what_a_person_did_is_never_touched(rows: Any) -> None:
    collection = rows([Post(facts=PostFacts(i, "general", fav=i)) for i in range(40)])
    collection.apply(AddTags(("masterpiece",)), [1])  # the least liked of all
    plan = apply(collection, "quality")
    assert tags(collection, 1) == ["masterpiece"]
    assert next(each for each in plan.tags if each.name == "masterpiece").by_hand == 1
    apply(
        collection, "quality", {"quality": {"presets": {"kohaku": {"cuts": [50], "words": ["up", "down"]}}}}
    )
    assert tags(collection, 1) == ["masterpiece", "down"]
    assert tags(collection, 40) == ["up"]


def test_it_can_be_undone_and_done_again(rows: Any) -> None:
    collection = rows([Post(facts=PostFacts(i, "general", fav=i)) for i in range(40)])
    apply(collection, "quality")
    before = counts(collection)
    collection.undo()
    assert not any(counts(collection).values())
    collection.apply(RemoveTags(("masterpiece",)), [40])
    apply(collection, "quality")
    assert counts(collection) == before


def test_only_the_images_asked_about_change(rows: Any) -> None:
    collection = rows([Post(facts=PostFacts(i, "general", fav=i)) for i in range(40)])
    apply(collection, "quality")
    before = [tags(collection, image) for image in range(1, 21)]
    apply(collection, "quality", {"quality": {"preset": "hakubooru"}}, filter="id>20")
    assert [tags(collection, image) for image in range(1, 21)] == before


def test_the_tables_used_are_kept_for_the_manifest(rows: Any) -> None:
    collection = rows([Post(facts=PostFacts(i, "general", fav=i)) for i in range(101)])
    apply(collection, "quality")
    used = collection.settings.get(USED)
    assert used["quality"]["words"] == WORDS
    assert used["quality"]["cuts"] == {"general": [95, 85, 75, 50, 25, 10]}


def test_tags_that_count_people_get_their_class(rows: Any) -> None:
    collection = rows([Post(("1girl", "multiple_boys", "6+girls", "solo"))])
    classify_counts(collection, default_tables()["count"]["tags"])
    assert {tag.name: tag.cls for tag in collection.all_tags()} == {
        "1girl": "count", "multiple_boys": "count", "6+girls": "count", "solo": "general",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("quality", {"quality": {"preset": "kohak"}}),
        ("quality", {"quality": {"source": "likes"}}),
        ("quality", {"quality": {"presets": {"kohaku": {"cuts": [10, 50, 75, 85, 95, 99], "words": WORDS}}}}),
        ("quality", {"quality": {"presets": {"kohaku": {"cuts": [50], "words": WORDS}}}}),
        ("quality", {"quality": {"too_young_date": "soon"}}),
        ("rating", {"rating": {"words": {"generel": ["safe"]}}}),
        ("mood", {}),
    ],
)
def test_tables_that_cannot_be_used(rows: Any, kind: str, changes: Any) -> None:
    collection = rows([Post(facts=PostFacts(1, "general", fav=1))])
    with pytest.raises(UserError):
        apply(collection, kind, changes)


def test_nothing_to_derive_from(rows: Any) -> None:
    collection = rows([])
    assert derive(collection, np.array([], np.uint32), "quality", default_tables()).images == {}


def test_a_word_may_stand_twice_in_a_table(rows: Any) -> None:
    """S011: a table with one word for two bands gives it to both."""
    collection = rows([Post(facts=PostFacts(i, "general", fav=i)) for i in range(40)])
    preset = {"cuts": [75, 50, 25], "words": ["up", "mid", "mid", "down"]}
    apply(collection, "quality", {"quality": {"presets": {"kohaku": preset}}})
    assert [counts(collection)[word] for word in ("up", "mid", "down")] == [10, 20, 10]
