"""A run's events folded into everything a dashboard shows."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from curator.contract.run import events as ev
from curator.contract.run.run_folder import Status

_SMOOTHING = 0.05  # share of the newest loss in the smoothed one
_TRAINING = "training"  # the phase whose parts are the steps themselves
_RATE_STEPS = 50  # steps the speed is measured over


class Failure(NamedTuple):
    """Why a run cannot go on, and what to do."""

    what: str
    hint: str


class _Pace(NamedTuple):
    seconds: float
    images: int


@dataclass
class RunView:
    """A run as its events tell it; `feed` them in order, in pieces of any size.

    After a resume the steps behind the resumed state are trained again: their numbers give way to the new
    ones, so a run that was interrupted folds to the same curves as one that was not. `status` is not in the
    events (a crash writes none), nor is `pending`; the follower fills them in.
    """

    name: str = ""
    status: Status = "new"
    pending: tuple[str, ...] = ()  # requests that the worker has not read yet
    device: str = ""
    processes: int = 1
    phase: str = ""
    phase_done: int = 0
    phase_total: int | None = None
    step: int = 0
    total_steps: int = 0
    epoch: int = 0  # counted from 1, as in StepDone
    total_epochs: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    smoothed: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    lr: dict[str, float] = field(default_factory=dict[str, float])
    grad_norm: float = math.nan
    memory_bytes: int = 0
    evaluations: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    samples_by_path: dict[str, ev.SampleMade] = field(default_factory=dict[str, ev.SampleMade])
    checkpoints_by_path: dict[str, ev.CheckpointSaved] = field(default_factory=dict[str, ev.CheckpointSaved])
    warnings: list[ev.Warned] = field(default_factory=list[ev.Warned])
    quarantined: list[ev.ImageQuarantined] = field(default_factory=list[ev.ImageQuarantined])
    failure: Failure | None = None
    paused: bool = False
    ended: str = ""  # "finished", "stopped" or "failed" once the worker has said so
    damaged_lines: int = 0  # of the event log, which were passed over
    _pace: deque[_Pace] = field(default_factory=lambda: deque[_Pace](maxlen=_RATE_STEPS))

    def feed(self, event: ev.Event) -> None:
        """Take in one event."""
        _FOLDS[type(event)](self, event)

    def feed_all(self, events: Iterable[ev.Event]) -> None:
        """Take in several events, oldest first."""
        for event in events:
            self.feed(event)

    @property
    def samples(self) -> list[ev.SampleMade]:
        """The sample pictures, newest last; one made again counts as new."""
        return list(self.samples_by_path.values())

    @property
    def checkpoints(self) -> list[ev.CheckpointSaved]:
        """The weights files, newest last."""
        return list(self.checkpoints_by_path.values())

    @property
    def loss(self) -> float | None:
        return self.losses[-1][1] if self.losses else None

    @property
    def smoothed_loss(self) -> float | None:
        return self.smoothed[-1][1] if self.smoothed else None

    @property
    def it_per_s(self) -> float | None:
        """Steps a second over the last steps of this worker, sampling and saving left out."""
        seconds = sum(pace.seconds for pace in self._pace)
        return len(self._pace) / seconds if seconds > 0 else None

    @property
    def images_per_s(self) -> float | None:
        seconds = sum(pace.seconds for pace in self._pace)
        return sum(pace.images for pace in self._pace) / seconds if seconds > 0 else None

    @property
    def eta_s(self) -> float | None:
        """Seconds of training left at the present speed; None where nothing is being trained."""
        rate = self.it_per_s
        if not rate or self.ended or self.paused or not self.total_steps:
            return None
        return max(self.total_steps - self.step, 0) / rate

    @property
    def quarantine_count(self) -> int:
        return len({event.path for event in self.quarantined})


def _run_started(view: RunView, event: ev.RunStarted) -> None:
    view.step, view.total_steps, view.total_epochs = event.step, event.total_steps, event.total_epochs
    view.device, view.processes = event.device, event.processes
    view.failure, view.paused, view.ended = None, False, ""
    view.phase, view.phase_done, view.phase_total = _TRAINING, 0, None
    _cut_after(view.losses, event.step)
    _cut_after(view.smoothed, event.step)
    _cut_after(view.evaluations, event.step)
    view._pace.clear()


def _phase_started(view: RunView, event: ev.PhaseStarted) -> None:
    total = None if event.name == _TRAINING else event.total
    view.phase, view.phase_done, view.phase_total = event.name, 0, total


def _progress(view: RunView, event: ev.Progress) -> None:
    view.phase, view.phase_done, view.phase_total = event.phase, event.done, event.total


def _step_done(view: RunView, event: ev.StepDone) -> None:
    _cut_after(view.losses, event.step - 1)
    _cut_after(view.smoothed, event.step - 1)
    view.losses.append((event.step, event.loss))
    _smooth(view.smoothed, event.step, event.loss)
    view.step, view.epoch, view.lr = event.step, event.epoch, event.lr
    view.grad_norm, view.memory_bytes = event.grad_norm, event.memory_bytes
    view.phase, view.phase_done, view.phase_total = _TRAINING, 0, None  # whatever phase there was is over
    view._pace.append(_Pace(event.seconds, event.images))


def _smooth(smoothed: list[tuple[int, float]], step: int, loss: float) -> None:
    """Add one point to a mean that forgets slowly; the first points count equally."""
    if not math.isfinite(loss):
        return
    if not smoothed:
        smoothed.append((step, loss))
        return
    before = smoothed[-1][1]
    weight = max(_SMOOTHING, 1 / (len(smoothed) + 1))
    smoothed.append((step, before + weight * (loss - before)))


def _evaluated(view: RunView, event: ev.Evaluated) -> None:
    at = bisect_left(view.evaluations, event.step, key=lambda point: point[0])
    del view.evaluations[at:]
    view.evaluations.append((event.step, event.loss))


def _sample_made(view: RunView, event: ev.SampleMade) -> None:
    view.samples_by_path.pop(event.path, None)
    view.samples_by_path[event.path] = event


def _checkpoint_saved(view: RunView, event: ev.CheckpointSaved) -> None:
    view.checkpoints_by_path.pop(event.path, None)
    view.checkpoints_by_path[event.path] = event


def _image_quarantined(view: RunView, event: ev.ImageQuarantined) -> None:
    view.quarantined.append(event)


def _warned(view: RunView, event: ev.Warned) -> None:
    view.warnings.append(event)


def _paused(view: RunView, _: ev.Paused) -> None:
    view.paused = True


def _resumed(view: RunView, _: ev.Resumed) -> None:
    view.paused = False


def _run_failed(view: RunView, event: ev.RunFailed) -> None:
    view.failure = Failure(event.what, event.hint)


def _run_ended(view: RunView, event: ev.RunEnded) -> None:
    view.ended, view.step, view.paused = event.how, event.step, False


def _not_shown(view: RunView, event: ev.Event) -> None:
    """What the log keeps and no dashboard shows."""


_FOLDS: dict[type, Callable[[RunView, Any], None]] = {
    ev.RunStarted: _run_started,
    ev.PhaseStarted: _phase_started,
    ev.Progress: _progress,
    ev.StepDone: _step_done,
    ev.Evaluated: _evaluated,
    ev.SampleMade: _sample_made,
    ev.CheckpointSaved: _checkpoint_saved,
    ev.StateSaved: _not_shown,
    ev.ImageQuarantined: _image_quarantined,
    ev.Warned: _warned,
    ev.RequestTaken: _not_shown,
    ev.Paused: _paused,
    ev.Resumed: _resumed,
    ev.RunFailed: _run_failed,
    ev.RunEnded: _run_ended,
}


def _cut_after(points: list[tuple[int, float]], step: int) -> None:
    """Forget the points behind `step`; they are in step order."""
    if points and points[-1][0] > step:
        del points[bisect_right(points, step, key=lambda point: point[0]) :]
