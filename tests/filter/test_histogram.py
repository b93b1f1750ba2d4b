"""Histograms of scores: every value in one bar, whose bounds are round numbers and cut as filters do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.filter.histogram import histogram

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(NUMBERS, min_size=1, max_size=60))
def test_bars_count_what_comparisons_do(values: list[float]) -> None:
    bars = histogram(np.array(values))
    assert len(bars) <= 25
    for bar, following in itertools.pairwise(bars):
        assert bar.below == following.at_least > bar.at_least
    for bar in bars:
        assert bar.images == sum(bar.at_least <= value < bar.below for value in values)
        assert bar.remain == sum(value >= bar.at_least for value in values)
    assert sum(bar.images for bar in bars) == bars[0].remain == len(values)


def test_bounds_are_round() -> None:
    bars = histogram(np.array([0.03, 0.15, 0.3, 0.99]))
    assert [bar.at_least for bar in bars[:4]] == [0.0, 0.1, 0.2, 0.3]
    assert [bar.images for bar in bars[:4]] == [1, 1, 0, 1]  # 0.3 is at least 0.3


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf]])
def test_without_values_there_is_no_bar(values: list[float]) -> None:
    assert histogram(np.array(values)) == []


def test_what_has_no_score_counts_nowhere() -> None:
    assert [bar.images for bar in histogram(np.array([np.nan, 2.0, 2.0]))] == [2]
