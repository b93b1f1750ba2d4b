"""Percentiles by counting are those of numpy, to the last bit, whatever the numbers (S011)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.tags.deriving.percentiles import Counted, percentiles_of, words_of

numbers = st.lists(st.integers(-50, 50) | st.integers(-(2**31), 2**31), min_size=1, max_size=60)


@given(values=numbers, cuts=st.lists(st.floats(0, 100), min_size=1, max_size=6), seed=st.integers(0, 9))
def test_percentiles_are_those_of_numpy(values: list[int], cuts: list[float], seed: int) -> None:
    """S011: narrow numbers, and numbers so wide apart that they are ranked first; each group for itself."""
    given_values = np.array(values, np.int64)
    groups = np.random.default_rng(seed).integers(0, 3, len(values)).astype(np.uint8)
    counted = Counted(given_values)
    assert counted.steps[counted.where].tolist() == values
    counts = counted.of_groups(groups, 3)
    for group in range(3):
        own = given_values[groups == group]
        assert counts[group].sum() == len(own)
        if len(own):
            assert (
                percentiles_of(counted.steps, counts[group], cuts).tolist()
                == np.percentile(own, cuts).tolist()
            )


@pytest.mark.parametrize(("value", "place"), [(9, 0), (8, 1), (5, 1), (4, 2), (-3, 2)])
def test_a_number_must_lie_above_an_edge(value: int, place: int) -> None:
    """S011: strictly."""
    assert words_of(np.array([value]), np.array([8.0, 4.5])).tolist() == [place]


def test_no_number_at_all() -> None:
    assert Counted(np.array([], np.int32)).of_groups(np.array([], np.uint8), 2).sum() == 0
