"""Percentiles of millions of whole numbers within groups: by counting, not by sorting.

Favourites and scores are small whole numbers that come again and again, so a count of each is enough for every
percentile. The percentiles are those of `numpy.percentile` (linear between two neighbours), to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPAN = 1 << 22  # numbers wider apart than this are numbered by rank first

Ints = NDArray[np.int64]


class Counted:
    """How often each number comes; `steps[where]` are the numbers themselves, rising in each."""

    def __init__(self, values: NDArray[Any]) -> None:
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        if high - low < _SPAN:
            self.steps: Ints = np.arange(low, high + 1)
            self.where = np.subtract(values, low, dtype=np.int32, casting="unsafe")
        else:
            self.steps, inverse = np.unique(values, return_inverse=True)
            self.where = inverse.astype(np.int32)

    def of_groups(self, groups: NDArray[np.uint8], count: int) -> Ints:
        """How often each number comes in each of `count` groups: an array [groups, numbers]."""
        width = len(self.steps)
        places = groups.astype(np.int32) * np.int32(width) + self.where
        return np.bincount(places, minlength=count * width).reshape(count, width)


def percentiles_of(steps: Ints, counts: Ints, cuts: Sequence[float]) -> NDArray[np.float64]:
    """The percentiles of numbers `steps` that come `counts` times each; there is at least one."""
    before = np.cumsum(counts)
    places = np.true_divide(np.asarray(cuts, np.float64), 100) * (int(before[-1]) - 1)
    lower = np.floor(places)
    upper = np.minimum(lower + 1, before[-1] - 1)
    low, high = (steps[np.searchsorted(before, at, "right")].astype(np.float64) for at in (lower, upper))
    share, between = places - lower, high - low
    return np.where(share >= 0.5, high - between * (1 - share), low + between * share)


def words_of(steps: Ints, edges: NDArray[np.float64]) -> NDArray[np.uint8]:
    """For each number how many of the falling `edges` it does not lie above: the place of its word."""
    return (len(edges) - np.searchsorted(edges[::-1], steps, "left")).astype(np.uint8)
