"""Learning-rate schedules against their closed forms (S054, S074)."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.schedule import Schedule
from curator.contract.recipe.toml_file import with_values
from curator.contract.run.schedule_doubts import check_schedule, known_steps, schedule_warnings
from curator.contract.run.schedules import SHAPES, lr_factor, rate_factor


def trace(schedule: Schedule, steps: int) -> list[float]:
    return [rate_factor(schedule, step, steps) for step in range(steps)]


def cos(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


CASES = [
    (Schedule("cosine", 100), 5, [0.01, 0.02, 0.03, 0.04, 0.05]),
    (Schedule("cosine", 5), 5, [0.2, 0.4, 0.6, 0.8, 1.0]),
    (Schedule("cosine", 2, 0.1), 4, [0.5, 1.0, 1.0, 0.55]),
    (Schedule("constant", 2), 4, [0.5, 1.0, 1.0, 1.0]),
    (Schedule("constant_with_warmup", 0.5), 4, [0.5, 1.0, 1.0, 1.0]),
    (Schedule("constant_with_warmup", 1), 3, [1.0, 1.0, 1.0]),
    (Schedule("constant_with_warmup", 1.0), 4, [0.25, 0.5, 0.75, 1.0]),
    (Schedule("linear", 1), 5, [1.0, 1.0, 0.75, 0.5, 0.25]),
    (Schedule("linear", 0, 0.5), 4, [1.0, 0.875, 0.75, 0.625]),
    (Schedule("polynomial", power=2.0), 6, [(1 - s / 6) ** 2 for s in range(6)]),
    (Schedule("cosine_with_restarts", cycles=3), 9, [1.0, 0.75, 0.25] * 3),
    (Schedule("cosine_with_restarts", cycles=22), 44, [1.0, 0.5] * 22),
    (Schedule("cosine_with_restarts", 1, cycles=20), 10, [1.0] + [cos(s * 20 % 9 / 9) for s in range(9)]),
    (Schedule("cosine_with_min_lr", 0, 0.2, cycles=2), 4, [1.0, 0.6, 0.2, 0.6]),
    (Schedule("inverse_sqrt", 2), 5, [0.5, 1.0, 1.0, 1 / math.sqrt(1.5), 1 / math.sqrt(2)]),
    (Schedule("inverse_sqrt", timescale=3), 4, [1.0, math.sqrt(3 / 4), math.sqrt(3 / 5), math.sqrt(3 / 6)]),
    (Schedule("inverse_sqrt"), 2, [1.0, 1 / math.sqrt(1.0001)]),
    (
        Schedule("warmup_stable_decay", 2, 0.2, decay_steps=4),
        8,
        [0.5, 1, 1, 1, 1, 0.2 + 0.8 * cos(0.25), 0.6, 0.2 + 0.8 * cos(0.75)],
    ),
    (Schedule("warmup_stable_decay", decay_steps=0.5), 4, [1.0, 1.0, 1.0, 0.5]),
    (Schedule("warmup_stable_decay", decay_steps=0), 2, [1.0, 1.0]),
    (Schedule("piecewise_constant", pieces="1:2, 0.1:0.75, 0.01"), 4, [1.0, 1.0, 0.1, 0.01]),
    (Schedule("piecewise_constant", 2, pieces="0.5"), 3, [0.25, 0.5, 0.5]),
]


@pytest.mark.parametrize(("schedule", "steps", "expected"), CASES)
def test_schedules(schedule: Schedule, steps: int, expected: list[float]) -> None:
    """S054, S074: warm-up in equal parts with the first step included; cycles in whole numbers."""
    assert trace(schedule, steps) == pytest.approx(expected, abs=1e-9)


def test_every_schedule_is_told_by_a_trace() -> None:
    assert {schedule.name for schedule, _, _ in CASES} == set(SHAPES)


def test_a_long_trace() -> None:
    """S054: 100 steps of warm-up, and a cosine to its floor."""
    constant = trace(Schedule("constant", 100), 1000)
    assert (constant[0], constant[49]) == pytest.approx((0.01, 0.5))
    assert constant[99:] == [1.0] * 901
    cosine = [rate_factor(Schedule("cosine", 10, 0.1), step, 110) for step in range(111)]
    assert cosine[9] == cosine[10] == 1.0
    assert (cosine[60], cosine[110]) == pytest.approx((0.55, 0.1))
    assert all(later <= earlier for earlier, later in pairwise(cosine[10:]))


@given(
    st.sampled_from(sorted(set(SHAPES) - {"piecewise_constant"})),
    st.integers(1, 300),
    st.one_of(st.integers(0, 400), st.floats(0.0, 1.0)),
    st.floats(0.0, 1.0),
    st.integers(1, 50),
)
def test_factors_stay_between_0_and_1(
    name: str, steps: int, warmup: float, least: float, cycles: int
) -> None:
    schedule = Schedule(name, warmup, least, cycles, decay_steps=0.3)
    assert all(0.0 <= factor <= 1.0 + 1e-12 for factor in trace(schedule, steps))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"schedule.warmup_steps": 6}, "the warm-up of 6 steps is longer than the run of 5"),
        ({"schedule.warmup_steps": 1.0}, "schedule.warmup_steps = 1.0 is the whole run of 5 steps"),
        ({"schedule.warmup_steps": 1}, ""),
        ({"schedule.warmup_steps": 5}, ""),
        (
            {"schedule.name": "cosine_with_restarts", "schedule.cycles": 6},
            "cycles = 6 is more than the 5 steps",
        ),
        ({"schedule.name": "cosine_with_restarts", "schedule.cycles": 5}, ""),
        ({"schedule.cycles": 6}, ""),
        (
            {"schedule.name": "warmup_stable_decay", "schedule.decay_steps": 4, "schedule.warmup_steps": 2},
            "a warm-up of 2 steps and a decay of 4 do not fit in the run of 5",
        ),
        ({"schedule.name": "piecewise_constant", "schedule.pieces": "1:5, 0.1"}, "begins at step 5"),
        ({"schedule.name": "piecewise_constant", "schedule.pieces": "1:0.5, 0.1"}, ""),
    ],
)
def test_what_a_run_never_comes_to_is_told_and_refused(values, told: str) -> None:
    """S054, S074: a warm-up that is the whole run reaches the full rate, and is told alone."""
    recipe = with_values(Recipe(), values)
    warnings = schedule_warnings(recipe, 5)
    assert len(warnings) == bool(told)
    assert all(told in warning.what and warning.hint for warning in warnings)
    if told and "is the whole run" not in told:
        with pytest.raises(UserError, match=re.escape(told)):
            check_schedule(recipe, 5)
    else:
        check_schedule(recipe, 5)


@pytest.mark.parametrize("warmup_init", [False, True])
def test_adafactors_own_schedule(warmup_init: bool) -> None:
    """S073."""
    values = {"optimizer.name": "adafactor", "optimizer.adafactor.relative_step": True}
    recipe = with_values(Recipe(), {**values, "optimizer.adafactor.warmup_init": warmup_init})
    factors = [lr_factor(recipe, step, 10) for step in (0, 9_999, 39_999)]
    assert factors == pytest.approx([1e-6 if warmup_init else 0.01, 0.01, 0.005])
    assert schedule_warnings(with_values(recipe, {"schedule.warmup_steps": 99}), 10) == []


def test_the_length_is_known_where_epochs_do_not_count() -> None:
    assert known_steps(Recipe()) is None
    assert known_steps(with_values(Recipe(), {"length.epochs": 0, "length.steps": 7})) == 7
