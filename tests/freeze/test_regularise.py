"""kohya's rule for regularisation pictures (S045, S047)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.freeze.regularise import Run, regularised


@pytest.mark.parametrize(
    ("samples", "given_runs", "meant"),
    [
        (30, [Run(60, 1)], [[Run(30, 1)]]),  # surplus is left out
        (20, [Run(8, 1)], [[Run(4, 3), Run(4, 2)]]),  # 8 + 12 more: one each, then the first four again
        (10, [Run(4, 3)], [[Run(4, 3)]]),  # the last one goes beyond
        (10, [Run(2, 1), Run(3, 2)], [[Run(2, 2)], [Run(3, 2)]]),  # 8 given, the first two once more
        (10, [Run(5, 2), Run(3, 1)], [[Run(5, 2)], []]),  # enough before the second
        (5, [Run(4, 0.5)], [[Run(3, 1.5), Run(1, 0.5)]]),
        (7, [Run(2, 0)], [[]]),
        (0, [Run(2, 1)], [[]]),
        (7, [], []),
    ],
)
def test_by_hand(samples: float, given_runs: list[Run], meant: list[list[Run]]) -> None:
    assert regularised(samples, given_runs) == meant


def kohya(samples: float, runs: list[Run]) -> list[list[float]]:
    """The published loop, picture by picture."""
    repeats: list[list[float]] = [[] for _ in runs]
    given_samples, first = 0.0, True
    while given_samples < samples:
        for own, run in zip(repeats, runs, strict=True):
            for picture in range(run.pictures if first else len(own)):
                if first:
                    own.append(run.repeats)
                    given_samples += run.repeats
                else:
                    own[picture] += 1
                    given_samples += 1
                if given_samples >= samples:
                    return repeats
        first = False
    return repeats


sets = st.lists(st.builds(Run, st.integers(1, 12), st.integers(1, 5)), min_size=1, max_size=4)


@given(st.integers(0, 200), sets)
def test_it_is_the_published_loop(samples: int, runs: list[Run]) -> None:
    spread = [[run.repeats for run in own for _ in range(run.pictures)] for own in regularised(samples, runs)]
    assert spread == kohya(samples, runs)


@given(
    st.floats(0, 500), st.lists(st.builds(Run, st.integers(1, 12), st.floats(0.1, 5)), min_size=1, max_size=4)
)
def test_samples_match_with_fractions_too(samples: float, runs: list[Run]) -> None:
    total = sum(run.pictures * run.repeats for own in regularised(samples, runs) for run in own)
    most = max(run.repeats for run in runs)
    assert samples - 1e-6 <= total < samples + max(most, 1) + 1e-6
    assert math.isfinite(total)
