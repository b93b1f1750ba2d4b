from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.keyed import (
    Purpose,
    below,
    kept_by,
    key,
    key_from,
    mix,
    permute,
    share_of,
    shuffled_by,
    uniform,
)


def test_the_mixer_is_splitmix64() -> None:
    """The first outputs of splitmix64 seeded with 1234567, as published with the algorithm."""
    state, outputs = 1234567, []
    for _ in range(3):
        outputs.append(mix(state))
        state = (state + 0x9E3779B97F4A7C15) & (2**64 - 1)
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.integers(1, 500), st.integers(0, 2**64 - 1))
def test_permute_is_a_bijection(n: int, k: int) -> None:
    assert sorted(permute(i, n, k) for i in range(n)) == list(range(n))


@given(st.lists(st.integers()), st.integers())
def test_a_shuffle_keeps_every_item(items: list[int], seed: int) -> None:
    assert Counter(shuffled_by(key(seed), items)) == Counter(items)


def test_a_shuffle_favours_no_order() -> None:
    """All 24 orders of four items come up about equally: chi-squared with 23 degrees of freedom, p > 0.001."""
    draws = 24_000
    seen = Counter(tuple(shuffled_by(key(seed, Purpose.SHUFFLE), "abcd")) for seed in range(draws))
    assert len(seen) == 24
    assert sum((count - draws / 24) ** 2 / (draws / 24) for count in seen.values()) < 49.7


def test_draws_are_even_and_apart() -> None:
    draws = [uniform(7, i, Purpose.FLIP) for i in range(20_000)]
    assert sum(draws) / len(draws) == pytest.approx(0.5, abs=0.01)
    assert min(draws) >= 0.0
    assert max(draws) < 1.0
    assert {below(3, i) for i in range(100)} == {0, 1, 2}


def test_order_and_purpose_of_parts_matter() -> None:
    assert len({key(1, 2), key(2, 1), key(1, 2, 0), key(-1, 2), key(1)}) == 5
    assert len({purpose.value for purpose in Purpose}) == len(Purpose)


def test_draws_stay_what_they_are() -> None:
    """Of small parts and of any others: runs that were begun go on with the same numbers."""
    assert key(1, 2, 3) == 9812528628958509896
    assert key(-1, 2**70, 255, 256) == 11797149819262879359
    assert shuffled_by(key(3, 4), "abcdefgh") == ["c", "f", "h", "a", "b", "d", "g", "e"]


@given(st.integers(), st.lists(st.integers(-300, 2**65)))
def test_a_key_is_made_part_by_part(k: int, parts: list[int]) -> None:
    made = k = k % 2**64
    for part in parts:
        made = mix(made ^ mix(part % 2**64))
    assert key_from(k, *parts) == made


@given(st.integers(0, 2**64 - 1), st.integers(0, 600), st.floats(0, 1))
def test_draws_made_together_are_those_made_apart(k: int, count: int, dropout: float) -> None:
    shares = [share_of(key_from(k, place)) for place in range(count)]
    for limit in (dropout, *shares[:1]):  # a share that is the limit itself stays
        assert kept_by(k, range(count), limit) == [p for p, share in enumerate(shares) if share >= limit]
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = (mix(k ^ i) * (i + 1)) >> 64
        order[i], order[j] = order[j], order[i]
    assert shuffled_by(k, range(count)) == order
