"""Events of a run, written by the main process alone."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

from curator.contract.locations import EVENTS
from curator.contract.run.events import (
    Evaluated,
    Event,
    ImageQuarantined,
    PhaseStarted,
    Progress,
    StepDone,
    Warned,
)
from curator.contract.text import visible
from train.survival.reason import reason

if TYPE_CHECKING:
    from curator.contract.run.event_log import EventLog

TRACKERS_HINT = f"nothing to do: {EVENTS} has every number, and the run goes on"
Track = Callable[[Mapping[str, float], int], None]
_SECONDS_BETWEEN_PROGRESS = 0.25


class Reporter:
    """Writes events. `log` is None on every process but the first; `track` hands numbers to trackers."""

    def __init__(self, log: EventLog | None) -> None:
        self._log = log
        self._last_progress = 0.0
        self._unheard: list[tuple[str, str]] = []
        self.track: Track = _untracked

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes files and events."""
        return self._log is not None

    def emit(self, event: Event) -> None:
        if self._log is not None:
            self._log.write(event)

    def phase(self, name: str, total: int | None = None) -> None:
        self._last_progress = 0.0
        self.emit(PhaseStarted(time.time(), name, total))

    def progress(self, phase: str, done: int, total: int) -> None:
        """At most a few a second, and always the last."""
        now = time.time()
        if done >= total or now - self._last_progress >= _SECONDS_BETWEEN_PROGRESS:
            self._last_progress = now
            self.emit(Progress(now, phase, done, total))

    def warn(self, what: str, hint: str) -> None:
        self.emit(Warned(time.time(), what, hint))

    def quarantined(self, path: str, reason: str) -> None:
        """What another process than the first one finds waits until it is handed over."""
        if self._log is None:
            self._unheard.append((path, reason))
        self.emit(ImageQuarantined(time.time(), visible(path), reason))

    def _track(self, numbers: Mapping[str, float], step: int) -> None:
        """Trackers write to other programs and places: one that breaks is let go."""
        try:
            self.track(numbers, step)
        except Exception as error:  # noqa: BLE001 (whatever they raise, the run goes on)
            self.track = _untracked
            self.warn(f"trackers hear no more from step {step:,} on: {reason(error)}", TRACKERS_HINT)

    def take_unheard(self) -> list[tuple[str, str]]:
        """Images found bad that this process cannot tell of; each is returned once."""
        found, self._unheard = self._unheard, []
        return found

    def step(self, done: StepDone) -> None:
        self.emit(done)
        rates = {f"lr/{name}": rate for name, rate in done.lr.items()}
        regs = {} if done.reg_loss is None else {"reg_loss": done.reg_loss}
        self._track({"loss": done.loss, "grad_norm": done.grad_norm, **regs, **rates}, done.step)

    def evaluated(self, done: Evaluated) -> None:
        self.emit(done)
        name = "validation_loss" if done.held_out else "evaluation_loss"
        bands = {f"{name}/band {number}": loss for number, loss in enumerate(done.bands, start=1)}
        subsets = {f"{name}/{subset}": loss for subset, loss in done.subsets.items()}
        self._track({name: done.loss, **bands, **subsets}, done.step)


def memory_bytes() -> int:
    """The highest memory use so far: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _untracked(_numbers: Mapping[str, float], _step: int) -> None:
    return None
