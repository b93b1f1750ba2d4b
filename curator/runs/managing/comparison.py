"""Two runs side by side: knobs of their recipes, how far they came, and their losses at the same steps (row B07)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import starmap
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.recipe.toml_file import differences, load_recipe
from curator.contract.run.event_log import read_events
from curator.runs.fold import RunFold, RunView

if TYPE_CHECKING:
    from curator.contract.recipe.fields import Value
    from curator.contract.run.run_folder import RunFolder

_ROWS = 20  # of a curve
Points = Sequence[tuple[int, float]]


class Knob(NamedTuple):
    """A knob of the recipe that differs."""

    key: str
    first: Value
    second: Value


class Losses(NamedTuple):
    """The losses of both after so many steps; None where a run has none there."""

    step: int
    first: float | None
    second: float | None


class Curves(NamedTuple):
    """Losses at the same steps: smoothed while training, on fixed noise, and of images held out."""

    training: tuple[Losses, ...]
    fixed_noise: tuple[Losses, ...]
    validation: tuple[Losses, ...]


class Side(NamedTuple):
    """One of two runs, with all its events folded."""

    run: RunFolder
    view: RunView
    smoothed: Points


def side_of(run: RunFolder) -> Side:
    """A run as all its events tell it.

    Raises:
        UserError: its events cannot be read.
    """
    fold, offset, more = RunFold(), 0, True
    while more:
        events, offset, _, more = read_events(run.events_path, offset)
        fold.feed(*events)
    return Side(run, fold.view(run.path.name, run.status()), tuple(fold.smoothed.points))


def knobs_apart(first: RunFolder, second: RunFolder) -> tuple[Knob, ...]:
    """The knobs by which two recipes differ, by key.

    Raises:
        UserError: a recipe cannot be read.
    """
    return tuple(starmap(Knob, differences(load_recipe(first.recipe_path), load_recipe(second.recipe_path))))


def curves_of(first: Side, second: Side) -> Curves:
    """Both runs' losses at the same steps."""
    validations = [[(each.step, each.loss) for each in side.view.validations] for side in (first, second)]
    return Curves(
        _sampled(first.smoothed, second.smoothed),
        _joined(first.view.evaluations, second.view.evaluations),
        _joined(*validations),
    )


def _sampled(first: Points, second: Points) -> tuple[Losses, ...]:
    """Evenly spread steps up to the longer run's last; the value there is that of the newest point."""
    last = max((points[-1][0] for points in (first, second) if points), default=0)
    steps = sorted({last * row // _ROWS for row in range(1, _ROWS + 1)} - {0})
    return tuple(Losses(step, _at(first, step), _at(second, step)) for step in steps)


def _at(points: Points, step: int) -> float | None:
    at = bisect_right(points, step, key=lambda point: point[0])
    return points[at - 1][1] if at and step <= points[-1][0] else None


def _joined(first: Points, second: Points) -> tuple[Losses, ...]:
    one, other = dict(first), dict(second)
    return tuple(Losses(step, one.get(step), other.get(step)) for step in sorted({*one, *other}))
