"""A run's events folded into everything a dashboard shows."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from curator.contract.run import events as ev
from curator.runs.curve import BinnedCurve, Curve, cut_after

if TYPE_CHECKING:
    from curator.contract.run.run_folder import Status

_SMOOTHING = 0.05  # share of the newest loss in the smoothed one
_TRAINING = "training"  # the phase whose parts are the steps themselves
_RATE_STEPS = 50  # steps the speed is measured over
_LEFT_STEPS = (
    2000  # steps the time to the end is reckoned from: buckets take their time, and come in any order
)
_WARMING_STEPS = 3  # a worker's first ones: what is compiled, read or measured for the first time


MEASURES: Mapping[str, Callable[[ev.StepDone], float]] = {
    "loss": lambda step: step.loss,
    "learning rate": lambda step: next(iter(step.lr.values()), math.nan),  # of the first group
    "gradient norm": lambda step: step.grad_norm,
    "images/s": lambda step: step.images / step.seconds if step.seconds > 0 else math.nan,
    "memory, GiB": lambda step: step.memory_bytes / (1 << 30),
}
"""What is drawn of every step, by the title of its plot."""


class Failure(NamedTuple):
    """Why a run cannot go on, and what to do."""

    what: str
    hint: str


class _Pace(NamedTuple):
    seconds: float
    images: int
    beside: float  # seconds since the step before that were no part of it: saves, samples, evaluations


def _beside(paces: Sequence[_Pace]) -> float:
    """Seconds between steps, for each step: up to the last long gap, as what comes now and then has its turn."""
    mean = sum(pace.seconds for pace in paces) / len(paces)
    last = max((at for at, pace in enumerate(paces) if pace.beside > mean), default=0) or len(paces)
    return sum(pace.beside for pace in paces[: last + 1]) / last


@dataclass(frozen=True)
class RunView:
    """A run at one moment, as its events tell it; nothing of it changes when more events come.

    `status` is not in the events (a crash writes none), nor are `pending` and `damaged_lines`; the follower knows them.
    """

    name: str = ""
    status: Status = "new"
    pending: tuple[str, ...] = ()  # requests that the worker has not read yet
    damaged_lines: int = 0  # of the event log, which were passed over
    device: str = ""
    processes: int = 1
    phase: str = ""
    phase_done: int = 0
    phase_total: int | None = None
    step: int = 0
    total_steps: int = 0
    epoch: int = 0  # counted from 1, as in StepDone
    total_epochs: int = 0
    loss: float | None = None
    smoothed_loss: float | None = None
    curve: BinnedCurve = field(default_factory=BinnedCurve)  # of the smoothed loss
    measures: Mapping[str, BinnedCurve] = field(
        default_factory=dict[str, BinnedCurve]
    )  # by name, as in MEASURES
    epoch_starts: tuple[int, ...] = ()  # the first step of each epoch but the first
    lr: Mapping[str, float] = field(default_factory=dict[str, float])
    memory_bytes: int = 0
    seconds_a_step: float | None = None  # to the next one, with what is done between
    it_per_s: float | None = None  # over the last steps of this worker, sampling and saving left out
    images_per_s: float | None = None
    evaluations: tuple[tuple[int, float], ...] = ()
    validations: tuple[ev.Evaluated, ...] = ()  # of images held out
    samples: tuple[ev.SampleMade, ...] = ()  # newest last; one made again counts as new
    checkpoints: tuple[ev.CheckpointSaved, ...] = ()  # newest last
    warnings: tuple[ev.Warned, ...] = ()
    uploads: tuple[ev.Uploaded, ...] = ()  # newest last
    quarantined: tuple[ev.ImageQuarantined, ...] = ()
    failure: Failure | None = None
    paused: bool = False
    ended: str = ""  # "finished", "stopped", "suspended" or "failed" once the worker has said so

    @property
    def eta_s(self) -> float | None:
        """Seconds to the end, saves and samples included; None where nothing is being trained."""
        if not self.seconds_a_step or self.ended or self.paused or not self.total_steps:
            return None
        return max(self.total_steps - self.step, 0) * self.seconds_a_step

    @property
    def quarantine_count(self) -> int:
        return len({event.path for event in self.quarantined})


class RunFold:
    """What the events of a run add up to; `feed` them in order, in pieces of any size.

    After a resume the steps behind the resumed state are trained again: their numbers give way to the new
    ones, so a run that was interrupted folds to the same curves as one that was not.
    """

    def __init__(self) -> None:
        self.losses: list[tuple[int, float]] = []
        self.smoothed = Curve()
        self._measures = {name: Curve() for name in MEASURES}
        self._epoch_starts: dict[int, int] = {}  # first steps by epoch
        self._told = RunView()  # what seldom changes
        self._step = 0
        self._epoch = 0
        self._lr: Mapping[str, float] = {}
        self._memory_bytes = 0
        self._pace = deque[_Pace](maxlen=_LEFT_STEPS)
        self._last_step_at: float | None = None  # of this worker, since a pause
        self._evaluations: list[tuple[int, float]] = []
        self._validations: list[ev.Evaluated] = []
        self._samples: dict[str, ev.SampleMade] = {}  # by path
        self._checkpoints: dict[str, ev.CheckpointSaved] = {}
        self._warnings: list[ev.Warned] = []
        self._uploads: list[ev.Uploaded] = []
        self._quarantined: list[ev.ImageQuarantined] = []

    @property
    def total_steps(self) -> int:
        return self._told.total_steps

    def feed(self, *events: ev.Event) -> None:
        """Take in events, oldest first."""
        for event in events:
            fold = _FOLDS.get(type(event))
            if fold:
                fold(self, event)

    def view(
        self, name: str = "", status: Status = "new", pending: tuple[str, ...] = (), damaged_lines: int = 0
    ) -> RunView:
        """The run as it is now."""
        newest = list(self._pace)[-_RATE_STEPS:]
        seconds = sum(pace.seconds for pace in newest)
        images = sum(pace.images for pace in newest)
        return replace(
            self._told,
            name=name,
            status=status,
            pending=pending,
            damaged_lines=damaged_lines,
            step=self._step,
            epoch=self._epoch,
            loss=self.losses[-1][1] if self.losses else None,
            smoothed_loss=self.smoothed.last,
            curve=self.smoothed.binned(),
            measures={name: curve.binned() for name, curve in self._measures.items()},
            epoch_starts=tuple(self._epoch_starts.values())[1:],
            lr=self._lr,
            memory_bytes=self._memory_bytes,
            seconds_a_step=self._seconds_a_step(),
            it_per_s=len(newest) / seconds if seconds > 0 else None,
            images_per_s=images / seconds if seconds > 0 else None,
            evaluations=tuple(self._evaluations),
            validations=tuple(self._validations),
            samples=tuple(self._samples.values()),
            checkpoints=tuple(self._checkpoints.values()),
            warnings=tuple(self._warnings),
            uploads=tuple(self._uploads),
            quarantined=tuple(self._quarantined),
        )

    def _seconds_a_step(self) -> float | None:
        paces = list(self._pace)
        if not paces:
            return None
        warm = paces[_WARMING_STEPS:] or paces
        return sum(pace.seconds for pace in warm) / len(warm) + _beside(paces)

    def _tell(self, **values: Any) -> None:
        self._told = replace(self._told, **values)

    def _run_started(self, event: ev.RunStarted) -> None:
        self._step = event.step
        self._tell(
            total_steps=event.total_steps, total_epochs=event.total_epochs,
            device=event.device, processes=event.processes,
            failure=None, paused=False, ended="",
            phase=_TRAINING, phase_done=0, phase_total=None,
        )  # fmt: skip
        cut_after(self.losses, event.step)
        self._cut_after(event.step)
        cut_after(self._evaluations, event.step)
        self._validations = [each for each in self._validations if each.step <= event.step]
        self._pace.clear()
        self._last_step_at = None

    def _phase_started(self, event: ev.PhaseStarted) -> None:
        total = None if event.name == _TRAINING else event.total
        self._tell(phase=event.name, phase_done=0, phase_total=total)

    def _progress(self, event: ev.Progress) -> None:
        self._tell(phase=event.phase, phase_done=event.done, phase_total=event.total)

    def _step_done(self, event: ev.StepDone) -> None:
        cut_after(self.losses, event.step - 1)
        self._cut_after(event.step - 1)
        self.losses.append((event.step, event.loss))
        self._smooth(event.step, event.loss)
        for name, value in MEASURES.items():
            self._measures[name].append(event.step, value(event))
        self._epoch_starts.setdefault(event.epoch, event.step)
        self._step, self._epoch = event.step, event.epoch
        self._lr, self._memory_bytes = event.lr, event.memory_bytes
        before, self._last_step_at = self._last_step_at, event.at
        beside = 0.0 if before is None else max(event.at - before - event.seconds, 0.0)
        self._pace.append(_Pace(event.seconds, event.images, beside))
        told = self._told
        if told.phase != _TRAINING or told.phase_done or told.phase_total is not None:
            self._tell(phase=_TRAINING, phase_done=0, phase_total=None)  # whatever phase there was is over

    def _cut_after(self, step: int) -> None:
        """Forget what was measured behind `step`."""
        for curve in (self.smoothed, *self._measures.values()):
            curve.cut_after(step)
        while self._epoch_starts and next(reversed(self._epoch_starts.values())) > step:
            self._epoch_starts.popitem()

    def _smooth(self, step: int, loss: float) -> None:
        """Add one point to a mean that forgets slowly; the first points count equally."""
        if not math.isfinite(loss):
            return
        before = self.smoothed.last or 0.0
        weight = max(_SMOOTHING, 1 / (len(self.smoothed) + 1))
        self.smoothed.append(step, before + weight * (loss - before))

    def _evaluated(self, event: ev.Evaluated) -> None:
        if event.held_out:
            self._validations = [each for each in self._validations if each.step < event.step] + [event]
            return
        cut_after(self._evaluations, event.step - 1)
        self._evaluations.append((event.step, event.loss))

    def _sample_made(self, event: ev.SampleMade) -> None:
        self._samples.pop(event.path, None)
        self._samples[event.path] = event

    def _checkpoint_saved(self, event: ev.CheckpointSaved) -> None:
        self._checkpoints.pop(event.path, None)
        self._checkpoints[event.path] = event

    def _image_quarantined(self, event: ev.ImageQuarantined) -> None:
        self._quarantined.append(event)

    def _warned(self, event: ev.Warned) -> None:
        self._warnings.append(event)

    def _uploaded(self, event: ev.Uploaded) -> None:
        self._uploads.append(event)

    def _paused(self, _: ev.Paused) -> None:
        self._last_step_at = None
        self._tell(paused=True)

    def _resumed(self, _: ev.Resumed) -> None:
        self._tell(paused=False)

    def _run_failed(self, event: ev.RunFailed) -> None:
        self._tell(failure=Failure(event.what, event.hint))

    def _run_ended(self, event: ev.RunEnded) -> None:
        self._step = event.step
        self._tell(ended=event.how, paused=False)


_FOLDS: dict[type, Callable[[RunFold, Any], None]] = {
    ev.RunStarted: RunFold._run_started,
    ev.PhaseStarted: RunFold._phase_started,
    ev.Progress: RunFold._progress,
    ev.StepDone: RunFold._step_done,
    ev.Evaluated: RunFold._evaluated,
    ev.SampleMade: RunFold._sample_made,
    ev.CheckpointSaved: RunFold._checkpoint_saved,
    ev.ImageQuarantined: RunFold._image_quarantined,
    ev.Warned: RunFold._warned,
    ev.Uploaded: RunFold._uploaded,
    ev.Paused: RunFold._paused,
    ev.Resumed: RunFold._resumed,
    ev.RunFailed: RunFold._run_failed,
    ev.RunEnded: RunFold._run_ended,
}
