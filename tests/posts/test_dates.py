"""Dates of dumps and downloaders in all their forms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.posts.dates import seconds_of

OCTOBER = int(datetime(2022, 10, 1, 6, 23, 45, tzinfo=UTC).timestamp())
DAY = int(datetime(2022, 10, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2022-10-01T06:23:45", OCTOBER),
        ("2022-10-01 06:23:45", OCTOBER),
        ("2022-10-01T06:23:45.123Z", OCTOBER),
        ("2022-10-01 06:23:45 UTC", OCTOBER),
        ("2022-10-01T02:23:45.000-04:00", OCTOBER),
        ("2022-10-01 15:23:45 +0900", OCTOBER),
        ("2022/10/01 06:23:45", OCTOBER),
        ("2022-10-01", DAY),
        ("20221001", DAY),
        ("Sat Oct 01 01:23:45 -0500 2022", OCTOBER),
        ("Sat, 01 Oct 2022 01:23:45 -0500", OCTOBER),
        ("Sat, 01 Oct 2022 06:23:45 GMT", OCTOBER),
        ("Oct 1, 2022 6:23:45 AM", OCTOBER),
        ("1 October 2022", DAY),
        (OCTOBER, OCTOBER),
        (float(OCTOBER), OCTOBER),
        (str(OCTOBER), OCTOBER),
        (OCTOBER * 1000, OCTOBER),
        (str(OCTOBER * 1000), OCTOBER),
        (OCTOBER * 1_000_000, OCTOBER),
        ({"json_class": "Time", "s": OCTOBER, "n": 0}, OCTOBER),
        ({"$date": OCTOBER * 1000}, OCTOBER),
        (datetime(2022, 10, 1, 6, 23, 45), OCTOBER),
        ("1970-01-02", 86400),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01 00:00:05 UTC", 5),
        (7, 7),
    ],
)
def test_what_can_be_read(value: Any, seconds: int) -> None:
    assert seconds_of(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "1970-02-31", "", None, True, "0000-00-00", "soon", "0001-01-01T00:00:00", "9999-12-31", "2022-13-01",
        "2022-10-01T25:00:00", "Sat Oct 2022", "Oct 01", -5, 1e30, float("nan"), {}, [], "1 May 2 June 2022",
        datetime(1, 1, 1),
    ],
)  # fmt: skip
def test_what_is_no_date(value: Any) -> None:
    """S014: what cannot be read is no date, and never the year 0."""
    assert seconds_of(value) is None


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.datetimes()))
def test_nothing_breaks_it(value: Any) -> None:
    seconds = seconds_of(value)
    assert seconds is None or 0 <= seconds + 86400 < 4.2e9 + 86400 * 2
