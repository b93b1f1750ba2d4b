"""Repeats of regularisation images by kohya's rule (S045, S047), as runs of images in order.

Images are added in order of their paths, each with its own repeats, until they give as many samples as the training
images; the rest is surplus and left out. Where all of them are too few, each in turn is shown once more, round and
round, until they are enough. Samples are those that an epoch really shows, so fractions of repeats count as rounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Run(NamedTuple):
    """So many images, one after another in the order of their paths, with so many repeats."""

    pictures: int
    repeats: float


Runs = list[list[Run]]  # of each regularisation subset


def regularised(samples: int, subsets: Sequence[Run], shown: Callable[[Runs], int]) -> Runs:
    """The runs of each regularisation subset, given as all its images with its repeats; `samples` are those of
    training, `shown` says how many an epoch shows of some runs. Images behind the last run are surplus.

    The rule takes one step at a time, an image more or one shown once more. No step takes samples away, so the first
    step that is enough is searched for by halves.
    """
    taken = [0] * len(subsets)
    for number, (pictures, repeats) in enumerate(subsets):

        def with_first(count: int, number: int = number) -> int:
            return shown(_runs([*taken[:number], count, *taken[number + 1 :]], subsets, 0))

        taken[number] = _least(pictures if repeats else 0, samples, with_first)
    missing = samples - shown(_runs(taken, subsets, 0))
    rounds = 1 + max(0, missing) // (sum(taken) or 1)  # a whole round gives one sample an image
    once_more = _least(rounds * sum(taken), samples, lambda steps: shown(_runs(taken, subsets, steps)))
    return _runs(taken, subsets, once_more)


def _least(most: int, samples: int, shown: Callable[[int], int]) -> int:
    """The fewest steps of up to `most` that show so many samples; all where that is too few."""
    return bisect_left(range(most), samples, key=shown)


def _runs(taken: Sequence[int], subsets: Sequence[Run], once_more: int) -> Runs:
    """The first images of each subset, after so many of them in turn were shown once more."""
    rounds, first = divmod(once_more, sum(taken) or 1)
    runs: Runs = []
    for count, (_, repeats) in zip(taken, subsets, strict=True):
        ahead = min(first, count)
        first -= ahead
        both = Run(ahead, repeats + (rounds + 1)), Run(count - ahead, repeats + rounds)
        runs.append([run for run in both if run.pictures])
    return runs
