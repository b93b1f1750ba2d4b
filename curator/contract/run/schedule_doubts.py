"""A schedule beside the length of the run: what of it the run never comes to is refused before it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.recipe.checks import TrainingWarning
from curator.contract.recipe.schedule import Schedule, steps_of
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe

About = Callable[[Schedule, int], Iterator[TrainingWarning]]
_HAS_CYCLES = ("cosine_with_restarts", "cosine_with_min_lr")


def check_schedule(recipe: Recipe, total_steps: int) -> None:
    """Refuse a schedule that a run of `total_steps` cannot follow (S054, S074).

    Raises:
        UserError: the warm-up is longer than the run, or cycles, a decay or pieces do not fit in it.
    """
    for fault in _said(_FAULTS, recipe, total_steps):
        raise UserError(fault.what, fault.hint)


def schedule_warnings(recipe: Recipe, total_steps: int) -> list[TrainingWarning]:
    """Sentences about the schedule in a run of `total_steps`: what is refused before a run, and what may not be meant.

    A run that was begun all the same goes on, and is told.
    """
    return [*_said(_FAULTS, recipe, total_steps), *_said((_about_the_whole,), recipe, total_steps)]


def _said(abouts: tuple[About, ...], recipe: Recipe, total_steps: int) -> Iterator[TrainingWarning]:
    for about in () if recipe.optimizer.steps_alone else abouts:
        yield from about(recipe.schedule, total_steps)


def known_steps(recipe: Recipe) -> int | None:
    """The length of the run where the recipe alone says it."""
    return recipe.length.steps if recipe.length.epochs == 0 else None


def _about_warmup(schedule: Schedule, total: int) -> Iterator[TrainingWarning]:
    warmup = steps_of(schedule.warmup_steps, total)
    if warmup > total:
        yield TrainingWarning(
            f"the warm-up of {counted(warmup, 'step')} is longer than the run of {total:,}:"
            " the full rate is never reached",
            "lower schedule.warmup_steps, or give a share of the run with its point, such as 0.05",
        )


def _about_the_whole(schedule: Schedule, total: int) -> Iterator[TrainingWarning]:
    if schedule.warmup_steps == 1.0 and isinstance(schedule.warmup_steps, float):
        yield TrainingWarning(
            f"schedule.warmup_steps = 1.0 is the whole run of {counted(total, 'step')}",
            "give 1 for one step, or a smaller share such as 0.05",
        )


def _about_cycles(schedule: Schedule, total: int) -> Iterator[TrainingWarning]:
    after = total - steps_of(schedule.warmup_steps, total)
    if schedule.name in _HAS_CYCLES and schedule.cycles > max(1, after):
        yield TrainingWarning(
            f"schedule.cycles = {schedule.cycles:,} is more than"
            f" the {counted(max(0, after), 'step')} after the warm-up",
            "lower schedule.cycles: a cycle is at least a step long",
        )


def _about_decay(schedule: Schedule, total: int) -> Iterator[TrainingWarning]:
    if schedule.name != "warmup_stable_decay":
        return
    warmup, decay = steps_of(schedule.warmup_steps, total), steps_of(schedule.decay_steps, total)
    if warmup + decay > total >= warmup:
        yield TrainingWarning(
            f"a warm-up of {counted(warmup, 'step')} and a decay of {decay:,} do not fit in the run of {total:,}",
            "lower schedule.warmup_steps or schedule.decay_steps",
        )


def _about_pieces(schedule: Schedule, total: int) -> Iterator[TrainingWarning]:
    if schedule.name != "piecewise_constant":
        return
    ends = [steps_of(piece.until, total) for piece in schedule.parsed_pieces if piece.until is not None]
    if ends and max(ends) >= total:
        yield TrainingWarning(
            f"the last of schedule.pieces begins at step {max(ends):,}, and the run has {counted(total, 'step')}",
            "give earlier steps, or shares of the run with their point, such as '1:0.5, 0.1'",
        )


_FAULTS: tuple[About, ...] = (_about_warmup, _about_cycles, _about_decay, _about_pieces)
