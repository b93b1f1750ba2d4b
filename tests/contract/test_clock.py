"""Times of the clock in words: of any number that a file can hold."""

from __future__ import annotations

import math
import re

import pytest

from curator.contract.clock import clock_time, iso_time


@pytest.mark.parametrize("seconds", [1e300, -1e300, 1e12, -1e12, math.inf, -math.inf, math.nan])
def test_what_no_calendar_has_is_no_known_time(seconds: float) -> None:
    assert clock_time(seconds) == "no known time"
    assert not iso_time(seconds)


def test_a_time_is_told_in_words() -> None:
    assert iso_time(1_500_000_000.9) == "2017-07-14T02:40:00+00:00"
    assert re.fullmatch(r"2017-07-1[345]", clock_time(1_500_000_000, "%Y-%m-%d"))
