"""Picks: ranges (S001), funnels (S002, B19), recent and balanced (S004), lists and caps (S005)."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.contract.keyed import key
from curator.filter.evaluate import select
from curator.index.tables.metadata import PostFacts
from curator.select.draws import keys_of
from curator.select.pick import lines_of, pick
from curator.select.rules import PickRules, Range, parse_range, parse_since, read_list

# Kohaku XL Delta's three ranges, at 1/1000.
RANGES = (Range(0, 2999, 1000), Range(3000, 4999, 1000), Range(5000, None, None))


def numbered(count: int, seed: int | None = None) -> list[tuple[PostFacts, tuple[str, ...]]]:
    numbers = list(range(count))
    if seed is not None:
        random.Random(seed).shuffle(numbers)
    return [(PostFacts(number), ()) for number in numbers]


def taken(collection: Any, ids: Any) -> list[int]:
    return sorted(collection.metadata.of("post")[ids].tolist())


def sums_up(picked: Any) -> bool:
    (_, total), *rest = picked.funnel
    return total == sum(count for _, count in rest) and rest[-1] == ("kept", len(picked.ids))


def test_ranges_are_drawn_without_replacement(posts: Any) -> None:
    """S001: exact counts, no duplicates, same seed same digest, whatever the order of rows."""
    one, other = posts(numbered(7100)), posts(numbered(7100, seed=3))
    first = pick(one, PickRules(ranges=RANGES, seed=7))
    numbers = taken(one, first.ids)
    assert len(set(numbers)) == len(numbers) == 1000 + 1000 + 2100
    assert [sum(low <= n <= high for n in numbers) for low, high in ((0, 2999), (3000, 4999), (5000, 9999))] == [
        1000, 1000, 2100,
    ]  # fmt: skip
    assert first.digest == pick(one, PickRules(ranges=RANGES, seed=7)).digest
    assert first.digest == pick(other, PickRules(ranges=RANGES, seed=7)).digest
    assert taken(other, pick(other, PickRules(ranges=RANGES, seed=7)).ids) == numbers
    assert first.digest != pick(one, PickRules(ranges=RANGES, seed=8)).digest
    assert sums_up(first)
    assert dict(first.funnel)["not drawn from 0..2999"] == 2000


def test_the_method_kohaku_draws_with_replacement_and_says_so(posts: Any) -> None:
    """S001, trap 1g: 1000 draws from 3000 give about 850 different numbers, from 2000 about 787."""
    collection = posts(numbered(7000))
    picked = pick(collection, PickRules(ranges=RANGES, seed=1, method="kohaku"))
    generator = random.Random(1)
    expected = set(generator.choices(range(3000), k=1000)) | set(generator.choices(range(3000, 5000), k=1000))
    assert taken(collection, picked.ids) == sorted(expected | set(range(5000, 7000)))
    assert 800 < len([n for n in expected if n < 3000]) < 900
    assert all("with replacement" in note for note in picked.notes)
    assert sums_up(picked)


def test_a_range_that_holds_too_few_says_so(posts: Any) -> None:
    picked = pick(posts(numbered(10)), PickRules(ranges=(Range(0, 4, 50),)))
    assert len(picked.ids) == 5
    assert "holds 5 of the 50" in picked.notes[0]


def test_keys_are_those_of_the_contract() -> None:
    numbers = np.array([0, 1, 7, 2**40, 2**63 - 1], np.int64)
    assert keys_of(numbers, 42, 3).tolist() == [key(42, 3, number) for number in numbers.tolist()]


def rated(count: int, general: int) -> list[tuple[PostFacts, tuple[str, ...]]]:
    day = parse_since("2019-07-29", date(2026, 1, 1))
    return [
        (PostFacts(i, "general" if i < general else "explicit", score=i % 7, posted=day + i * 3600), ())
        for i in range(count)
    ]


def test_recent_by_score_half_general(posts: Any) -> None:
    """S004: halves exact, score falling in each, ties by id."""
    collection = posts(rated(100, 50))
    rules = PickRules(
        since=parse_since("2019-07-29", date.today()), by="score", top=20, split="rating:general"
    )
    picked = pick(collection, rules)
    assert sums_up(picked)
    numbers = taken(collection, picked.ids)
    halves = [[n for n in numbers if n < 50], [n for n in numbers if n >= 50]]
    for half, everyone in zip(halves, (range(50), range(50, 100)), strict=True):
        best = sorted(everyone, key=lambda n: (-(n % 7), n))[:10]
        assert half == sorted(best)


def test_the_day_itself_counts(posts: Any) -> None:
    """S004: the boundary day is in, the second before it is out; a post without a date leaves for that."""
    day = parse_since("4y", date(2023, 7, 29))
    assert day == parse_since("2019-07-29", date.today())
    collection = posts(
        [(PostFacts(1, posted=day - 1), ()), (PostFacts(2, posted=day), ()), (PostFacts(3), ())]
    )
    picked = pick(collection, PickRules(since=day))
    assert taken(collection, picked.ids) == [2]
    assert dict(picked.funnel) == {
        "in the collection": 3, "no date known": 1, "posted before the date": 1, "kept": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("shortage", "halves"), [("shrink", (5, 5)), ("fill", (5, 15))])
def test_a_short_half(posts: Any, shortage: Any, halves: tuple[int, int]) -> None:
    """S004: what is short is told, and the policy is chosen by a flag."""
    collection = posts(rated(100, 5))
    rules = PickRules(by="score", top=20, split="rating:general", shortage=shortage)
    picked = pick(collection, rules)
    numbers = taken(collection, picked.ids)
    assert (sum(n < 5 for n in numbers), sum(n >= 5 for n in numbers)) == halves
    assert "wanted 10 of 'rating:general'" in picked.notes[0]
    assert sums_up(picked)


def test_a_short_half_can_stop(posts: Any) -> None:
    with pytest.raises(UserError, match="there are 5 and 95"):
        pick(posts(rated(100, 5)), PickRules(by="score", top=20, split="rating:general", shortage="stop"))


def drawn_by(*artists: tuple[str, ...]) -> list[tuple[PostFacts, tuple[str, ...]]]:
    return [
        (PostFacts(i, score=i), (*(f"by {name}" for name in names), "1girl"))
        for i, names in enumerate(artists)
    ]


def test_caps_and_lists(posts: Any, tmp_path: Path) -> None:
    """S005: any of the list, at most so many of each artist, the best first."""
    collection = posts(drawn_by(("ann",), ("ann",), ("ann", "bob"), ("bob",), ("cyd",), ()))
    (tmp_path / "artists.txt").write_text(
        "\ufeffby ann\r\n# a comment\r\nby_bob  # spelled otherwise\r\n\r\nby nobody\r\n"
    )
    names = read_list(tmp_path / "artists.txt")
    assert names == ("by ann", "by_bob", "by nobody")
    picked = pick(collection, PickRules(tags=names, cap=1, by="score"))
    assert taken(collection, picked.ids) == [1, 3]
    assert dict(picked.funnel) == {
        "in the collection": 6, "has none of the tags of the list": 2, "more than 1 of one artist": 2, "kept": 2,
    }  # fmt: skip


def test_what_has_no_score_leaves_for_that(posts: Any) -> None:
    collection = posts([(PostFacts(1, score=0), ()), (PostFacts(2), ())])
    picked = pick(collection, PickRules(by="score", top=5))
    assert dict(picked.funnel) == {"in the collection": 2, "no score known": 1, "kept": 1}


@pytest.mark.parametrize("text", ["", "..", "5", "5..1", "a..b", "1..2:x", "-1..5"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(UserError):
        parse_range(text)


def test_ranges_as_written() -> None:
    assert parse_range("0..2999999:1000000") == Range(0, 2999999, 1000000)
    assert parse_range("5000000..:all") == parse_range("5000000..") == Range(5000000, None, None)
    assert parse_range("..9") == Range(0, 9, None)


@pytest.mark.parametrize("text", ["soon", "2019-13-01", "4x", "99999y"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(UserError):
        parse_since(text, date(2024, 2, 29))


def test_a_leap_day_counts_back() -> None:
    assert parse_since("1y", date(2024, 2, 29)) == parse_since("2023-02-28", date.today())


@pytest.mark.parametrize(
    "rules",
    [
        {"split": "a"},
        {"share": 1.0},
        {"method": "kohaku"},
        {"ranges": (Range(0, 5, 1), Range(5, 9, 1))},
        {"ranges": (Range(0, None, 1), Range(5, 9, 1))},
    ],
)
def test_rules_that_contradict_themselves(rules: Any) -> None:
    with pytest.raises(UserError):
        PickRules(**rules)


def test_a_saved_pick_is_a_filter(posts: Any) -> None:
    from curator.index.tables.picks import Pick

    collection = posts(numbered(6))
    collection.picks.save(
        Pick("My half", pick(collection, PickRules(by="post", top=3)).bitmap(), "the newest")
    )
    assert select(collection, 'picked:"My half"').ids.tolist() == [4, 5, 6]
    with pytest.raises(UserError, match="no pick 'other'"):
        select(collection, "picked:other")
    assert collection.picks.remove("My half")
    assert not collection.picks.list()


@pytest.mark.parametrize("count", [0, 1, 3, 7, 8, 50])
def test_two_pictures_of_one_post_are_drawn_as_if_in_order(posts: Any, count: int) -> None:
    """S001: equal numbers have equal keys; the first of them is drawn first, and never more than wanted."""
    collection = posts([(PostFacts(number), ()) for number in (5, 1, 5, 2, 2, 5, 9, 1)])
    picked = pick(collection, PickRules(ranges=(Range(0, 10, count),), seed=3))
    assert len(picked.ids) == min(count, 8)
    rows = sorted(range(8), key=lambda row: (key(3, [5, 1, 5, 2, 2, 5, 9, 1][row]), row))
    assert picked.ids.tolist() == sorted(row + 1 for row in rows[:count])


@given(st.lists(st.integers(0, 10**12) | st.sampled_from([0, 9, 10, 99, 100, 7_654_321]), max_size=30))
def test_the_text_of_a_digest(numbers: list[int]) -> None:
    """S001: what anybody can make anew from the list of numbers: one a line."""
    assert lines_of(np.array(numbers, np.int64)) == "\n".join(map(str, numbers)).encode()
