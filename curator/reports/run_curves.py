"""Curves of a run: loss, learning rates, gradients, speed and memory of every step, and where epochs begin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from curator.contract.run import events as ev
from curator.contract.run.event_log import read_events
from curator.pages.plot import Points
from curator.runs.fold import RunFold, RunView

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder


@dataclass
class RunCurves:
    """Every step of a run, and the run as its events tell it. `seconds` are those of all steps that stand."""

    view: RunView = field(default_factory=RunView)
    loss: Points = field(default_factory=Points)
    rates: dict[str, Points] = field(default_factory=dict[str, Points])
    gradients: Points = field(default_factory=Points)
    images_per_s: Points = field(default_factory=Points)
    step_seconds: Points = field(default_factory=Points)
    memory: Points = field(default_factory=Points)
    epochs: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # epoch, and its first step

    @property
    def seconds(self) -> float:
        return sum(self.step_seconds.values)

    def add(self, event: ev.StepDone) -> None:
        """Take in a step; what it trains again gives way."""
        self.loss.add(event.step, event.loss)
        for name, rate in event.lr.items():
            self.rates.setdefault(name, Points()).add(event.step, rate)
        self.gradients.add(event.step, event.grad_norm)
        self.step_seconds.add(event.step, event.seconds)
        if event.seconds > 0:
            self.images_per_s.add(event.step, event.images / event.seconds)
        if event.memory_bytes:
            self.memory.add(event.step, event.memory_bytes)
        while self.epochs and self.epochs[-1][1] >= event.step:
            self.epochs.pop()
        if not self.epochs or self.epochs[-1][0] < event.epoch:
            self.epochs.append((event.epoch, event.step))

    def cut_after(self, step: int) -> None:
        """Forget the steps behind `step`: a resumed run trains them again."""
        for points in (
            self.loss, *self.rates.values(), self.gradients, self.images_per_s, self.step_seconds, self.memory
        ):  # fmt: skip
            points.cut_after(step)


def curves_of(run: RunFolder) -> RunCurves:
    """A run from all its events, read in pieces.

    Raises:
        UserError: the event log cannot be read.
    """
    curves, fold = RunCurves(), RunFold()
    offset, damaged, more = 0, 0, True
    while more:
        events, offset, broken, more = read_events(run.events_path, offset)
        damaged += broken
        fold.feed(*events)
        for event in events:
            if isinstance(event, ev.StepDone):
                curves.add(event)
            elif isinstance(event, ev.RunStarted):
                curves.cut_after(event.step)
    curves.view = fold.view(run.path.name, run.status(), damaged_lines=damaged)
    return curves
