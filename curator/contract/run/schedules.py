"""Learning-rate schedules: pure functions of the step, so a resume restores no state.

Steps count from 0. Warm-up rises to the full rate in equal parts, the first step included, so no step is wasted at a
rate of zero (S054); kohya-ss/sd-scripts' begins at 0. The shape begins where the warm-up ends (S074).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.recipe.schedule import Schedule, steps_of

if TYPE_CHECKING:
    from curator.contract.recipe.optimizer import Adafactor
    from curator.contract.recipe.recipe import Recipe

_TIMESCALE = 10_000  # steps; inverse_sqrt's where there is no warm-up


class _Point(NamedTuple):
    """A place in a run: `done` of the `length` steps after a warm-up of `warmup`."""

    step: int
    done: int
    length: int
    warmup: int
    total: int

    @property
    def share(self) -> float:
        """How far it is from the end of the warm-up to that of the run."""
        return min(1.0, self.done / self.length)


def _falling(schedule: Schedule, height: float) -> float:
    """From 1 to the least: `height` falls from 1 to 0."""
    return schedule.min_lr_ratio + (1.0 - schedule.min_lr_ratio) * height


def _cosine(share: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * share))


def _cosine_once(schedule: Schedule, at: _Point) -> float:
    return _falling(schedule, _cosine(at.share))


def _restarts(schedule: Schedule, at: _Point) -> float:
    """In whole numbers: with 22 cycles in 44 steps every other step begins one."""
    if at.done >= at.length:
        return _falling(schedule, 0.0)
    return _falling(schedule, _cosine(at.done * schedule.cycles % at.length / at.length))


def _waves(schedule: Schedule, at: _Point) -> float:
    return _falling(schedule, _cosine(at.share * schedule.cycles))


def _linear(schedule: Schedule, at: _Point) -> float:
    return _falling(schedule, 1.0 - at.share)


def _polynomial(schedule: Schedule, at: _Point) -> float:
    return _falling(schedule, (1.0 - at.share) ** schedule.power)


def _inverse_sqrt(schedule: Schedule, at: _Point) -> float:
    timescale = schedule.timescale or at.warmup or _TIMESCALE
    return 1.0 / math.sqrt(1.0 + at.done / timescale)


def _stable_decay(schedule: Schedule, at: _Point) -> float:
    decay = steps_of(schedule.decay_steps, at.total)
    gone = at.step - (at.total - decay)
    return _falling(schedule, _cosine(min(1.0, gone / decay))) if gone > 0 else 1.0


def _pieces(schedule: Schedule, at: _Point) -> float:
    return next(
        piece.factor
        for piece in schedule.parsed_pieces
        if piece.until is None or at.step < steps_of(piece.until, at.total)
    )


SHAPES: dict[str, Callable[[Schedule, _Point], float]] = {
    "constant": lambda _schedule, _at: 1.0,
    "constant_with_warmup": lambda _schedule, _at: 1.0,
    "linear": _linear,
    "cosine": _cosine_once,
    "cosine_with_restarts": _restarts,
    "cosine_with_min_lr": _waves,
    "polynomial": _polynomial,
    "inverse_sqrt": _inverse_sqrt,
    "warmup_stable_decay": _stable_decay,
    "piecewise_constant": _pieces,
}


def lr_factor(recipe: Recipe, step: int, total_steps: int) -> float:
    """What a recipe's learning rates are multiplied with at `step`; an optimiser may have a schedule of its own."""
    if recipe.optimizer.steps_alone:
        return _relative_step(step, recipe.optimizer.adafactor)
    return rate_factor(recipe.schedule, step, total_steps)


def _relative_step(step: int, knobs: Adafactor) -> float:
    """Adafactor's own (Shazeer 2018), whatever the length of the run."""
    count = step + 1
    return min(1e-6 * count if knobs.warmup_init else 1e-2, 1.0 / math.sqrt(count))


def rate_factor(schedule: Schedule, step: int, total_steps: int) -> float:
    """What the base learning rates are multiplied with at `step` of a run of `total_steps`."""
    warmup = steps_of(schedule.warmup_steps, total_steps)
    at = _Point(step, max(0, step - warmup), max(1, total_steps - warmup), warmup, total_steps)
    shape = SHAPES[schedule.name](schedule, at)
    return (step + 1) / warmup * shape if step < warmup else shape
