"""Decides how often each regularisation picture is shown: kohya's rule (S045, S047), as runs of pictures in order.

Pictures are added in order of their paths, each with its own repeats, until they give as many samples as the training
pictures; the rest is surplus and left out. Where all of them are too few, each in turn is shown once more, round and
round, until they are enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_DIGITS = 9  # what fractions of repeats add up to is not exact


class Run(NamedTuple):
    """So many pictures, one after another in the order of their paths, with so many repeats."""

    pictures: int
    repeats: float


def regularised(samples: float, subsets: Sequence[Run]) -> list[list[Run]]:
    """The runs of each regularisation subset, given as all its pictures with its repeats; `samples` are those of
    training. Pictures behind the last run are surplus.
    """
    given = 0.0
    taken: list[int] = []
    for pictures, repeats in subsets:
        needed = math.ceil(round((samples - given) / repeats, _DIGITS)) if repeats else 0
        taken.append(max(0, min(pictures, needed)))
        given += taken[-1] * repeats
    missing = math.ceil(round(samples - given, _DIGITS))
    if missing <= 0 or not sum(taken):
        return [_runs(count, 0, run.repeats, 0) for count, run in zip(taken, subsets, strict=True)]
    rounds, first = divmod(missing, sum(taken))
    runs: list[list[Run]] = []
    for count, run in zip(taken, subsets, strict=True):
        runs.append(_runs(count, min(first, count), run.repeats, rounds))
        first -= min(first, count)
    return runs


def _runs(pictures: int, once_more: int, repeats: float, rounds: int) -> list[Run]:
    both = (Run(once_more, repeats + rounds + 1), Run(pictures - once_more, repeats + rounds))
    return [run for run in both if run.pictures]
