"""A curve over steps: all its points, and their means in few bins, which is what is drawn."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

_MOST_BINS = 2048  # more than the dots of any chart


class Bin(NamedTuple):
    """Points side by side: the means of their steps and values, and how many they are."""

    step: float
    value: float
    points: int


class BinnedCurve(NamedTuple):
    """A curve as it is drawn: its bins in the order of steps, and the steps of its first and last point."""

    bins: tuple[Bin, ...] = ()
    first: float = 0
    last: float = 0


class Curve:
    """Points (step, value) in the order of steps; values that are no numbers are gaps.

    A bin holds the points of so many steps side by side; where bins become too many each two are made one, so that a
    new point costs the same however many there are. What was cut off makes all bins again.
    """

    def __init__(self, points: Iterable[tuple[int, float]] = ()) -> None:
        self._steps, self._values = array("q"), array("d")  # 16 bytes a point: runs have a million
        self._binned = 0  # so many of the points are in bins
        self._steps_a_bin = 1
        self._bins: dict[int, Bin] = {}  # by step // steps a bin
        for step, value in points:
            self.append(step, value)

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def points(self) -> list[tuple[int, float]]:
        return list(zip(self._steps, self._values, strict=True))

    @property
    def last(self) -> float | None:
        """The newest value; None where there is none."""
        return self._values[-1] if self._values else None

    def append(self, step: int, value: float) -> None:
        """Add a point behind all others."""
        if math.isfinite(value):
            self._steps.append(step)
            self._values.append(value)

    def cut_after(self, step: int) -> None:
        """Forget the points behind `step`."""
        if not self._steps or self._steps[-1] <= step:
            return
        kept = bisect_right(self._steps, step)
        del self._steps[kept:], self._values[kept:]
        if kept < self._binned:
            self._binned, self._steps_a_bin = 0, 1
            self._bins.clear()

    def binned(self) -> BinnedCurve:
        """The curve as it is now; what is added later does not change it."""
        for at in range(self._binned, len(self._steps)):
            self._put(Bin(self._steps[at], self._values[at], 1))
            if len(self._bins) > _MOST_BINS:
                self._halve()
        self._binned = len(self._steps)
        if not self._steps:
            return BinnedCurve()
        return BinnedCurve(tuple(self._bins.values()), self._steps[0], self._steps[-1])

    def _put(self, new: Bin) -> None:
        key = int(new.step // self._steps_a_bin)
        old = self._bins.get(key)
        self._bins[key] = _together(old, new) if old else new

    def _halve(self) -> None:
        """Make each two bins one."""
        bins = list(self._bins.values())
        self._steps_a_bin *= 2
        self._bins.clear()
        for each in bins:
            self._put(each)


def cut_after(points: list[tuple[int, float]], step: int) -> None:
    """Forget the points behind `step`; they are in the order of steps."""
    if points and points[-1][0] > step:
        del points[bisect_right(points, step, key=lambda point: point[0]) :]


def _together(one: Bin, other: Bin) -> Bin:
    count = one.points + other.points
    share = other.points / count
    return Bin(
        one.step + (other.step - one.step) * share, one.value + (other.value - one.value) * share, count
    )
