"""A loss curve in bins: however it grew and was cut, its bins are means of all its points."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.runs import curve
from curator.runs.curve import Bin, Curve

VALUES = st.floats(-1e3, 1e3)


def means_of_all(points: list[tuple[int, float]], steps_a_bin: int) -> list[Bin]:
    """The bins of some points, from scratch."""
    groups: dict[int, list[tuple[int, float]]] = {}
    for step, value in points:
        groups.setdefault(step // steps_a_bin, []).append((step, value))
    return [
        Bin(math.fsum(s for s, _ in some) / len(some), math.fsum(v for _, v in some) / len(some), len(some))
        for some in groups.values()
    ]


@given(st.data())
def test_bins_are_the_means_of_all_points(data: st.DataObject) -> None:
    """Whatever was added, cut off and looked at in between; as fine as so few bins allow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "_MOST_BINS", 16)
        grown, at = Curve(), 0
        for _ in range(data.draw(st.integers(1, 5))):
            for value in data.draw(st.lists(VALUES, max_size=60)):
                at += data.draw(st.integers(1, 2))
                grown.append(at, value)
            if data.draw(st.booleans()):
                grown.binned()
            if data.draw(st.booleans()):
                at = data.draw(st.integers(0, at))
                grown.cut_after(at)
        found = grown.binned()
    steps_a_bin = 1
    while len(means_of_all(grown.points, steps_a_bin)) > 16:
        steps_a_bin *= 2
    expected = means_of_all(grown.points, steps_a_bin)
    assert [each.points for each in found.bins] == [each.points for each in expected]
    assert [each.step for each in found.bins] == pytest.approx([each.step for each in expected])
    assert [each.value for each in found.bins] == pytest.approx([each.value for each in expected], abs=1e-9)
    if grown.points:
        assert (found.first, found.last) == (grown.points[0][0], grown.points[-1][0])


def test_a_long_run_has_few_bins() -> None:
    grown = Curve((step, 1 / step) for step in range(1, 50_001))
    found = grown.binned()
    assert 1000 < len(found.bins) <= 2048
    grown.append(50_001, 7.0)
    assert grown.binned() != found
