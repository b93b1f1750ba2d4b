"""A histogram of a number that images have, with round bounds, so that each of them can be a cut."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from curator.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BARS = 20  # at most, and at least two fifths as many where values spread


class Bar(NamedTuple):
    """Values from `at_least` up to, but without, `below`: how many, and how many a cut at `at_least` would leave."""

    at_least: float
    below: float
    images: int
    remain: int


def histogram(values: NDArray[np.float64], least_step: float = 0.0) -> list[Bar]:
    """The bars of `values`, by rising bounds; NaN counts nowhere, and without values there is no bar.

    No bar is narrower than `least_step`, such as 1 for whole numbers.
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return []
    edges = _bounds(float(known[0]), float(known[-1]), least_step)
    starts = np.searchsorted(known, edges, "left").tolist()
    return [
        Bar(low, high, end - start, len(known) - start)
        for low, high, start, end in zip(edges, edges[1:], starts, starts[1:], strict=False)
    ]


def _bounds(least: float, most: float, least_step: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, from below the least value to above the most."""
    step = _round_step(max(least_step, (most - least) / (_BARS - 1) or least_step or abs(most) / 10 or 1.0))
    digits = max(0, -math.floor(math.log10(step)))
    first, last = math.floor(least / step), math.floor(most / step) + 1
    bounds = [round(number * step, digits) for number in range(first, last + 1)]
    if bounds[0] > least:  # division rounds too
        bounds.insert(0, round((first - 1) * step, digits))
    if bounds[-1] <= most:
        bounds.append(round((last + 1) * step, digits))
    return bounds


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10, 20) if factor * power >= least)
