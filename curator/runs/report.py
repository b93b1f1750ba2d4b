"""A run in plain lines, where there is no terminal to draw on: one line for what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from curator.contract.run import events as ev
from curator.contract.text import counted
from curator.runs.fold import RunFold
from curator.runs.words import bands_in_words, loss_in_words, rate_in_words, seconds_in_words

_LINES_A_RUN = 20  # steps that get a line, evenly spread


class PlainReport:
    """Turns events into lines, each with the figures as they were then: many events may be told at once."""

    def __init__(self) -> None:
        self._told = -1  # twentieth of the run, or tenth of a phase, told last
        self._fold = RunFold()

    def lines(self, events: Iterable[ev.Event]) -> Iterator[str]:
        """The lines of some new events; events that need no line give none."""
        for event in events:
            self._fold.feed(event)
            if isinstance(event, ev.StepDone):
                yield from self._step(event)
            elif isinstance(event, ev.PhaseStarted | ev.RunStarted):
                self._told = -1
                yield _WORDS[type(event)](event)
            elif words := _WORDS.get(type(event)):
                yield words(event)

    def _step(self, event: ev.StepDone) -> Iterator[str]:
        total = max(self._fold.total_steps, 1)
        part = event.step * _LINES_A_RUN // total
        if part == self._told and event.step != total:
            return
        self._told = part
        view = self._fold.view()
        yield (
            f"step {event.step}/{total}  epoch {event.epoch}  loss {loss_in_words(event.loss)}"
            f"  smoothed {loss_in_words(view.smoothed_loss)}  {rate_in_words(view.it_per_s, 'it', 'it')}"
            f"  left {seconds_in_words(view.eta_s)}"
        )


def _run_started(event: ev.RunStarted) -> str:
    begin = f"resumes after step {event.step}" if event.resumed else "begins"
    return f"{begin}: {counted(event.total_steps, 'step')}, {counted(event.total_epochs, 'epoch')} on {event.device}"


def _phase(event: ev.PhaseStarted) -> str:
    return event.name + (f" ({event.total})" if event.total else "")


def _evaluated(event: ev.Evaluated) -> str:
    said = f" after step {event.step}: {loss_in_words(event.loss)} ({counted(event.images)})"
    if not event.held_out:
        return f"fixed-noise loss{said}"
    subsets = "  ".join(f"{name} {loss_in_words(loss)}" for name, loss in event.subsets.items())
    by_subset = f"; {subsets}" if len(event.subsets) > 1 else ""
    return f"validation loss{said}; little to much noise {bands_in_words(event.bands)}{by_subset}"


_WORDS: dict[type, Callable[[Any], str]] = {
    ev.RunStarted: _run_started,
    ev.PhaseStarted: _phase,
    ev.Evaluated: _evaluated,
    ev.SampleMade: lambda e: f"sample after step {e.step}: {e.path}  {e.prompt}",
    ev.CheckpointSaved: lambda e: f"weights after step {e.step}: {e.path}",
    ev.StateSaved: lambda e: f"state kept after step {e.step}",
    ev.ImageQuarantined: lambda e: f"left out: {e.path}: {e.reason}",
    ev.Warned: lambda e: f"warning: {e.what} ({e.hint})",
    ev.RequestTaken: lambda e: f"asked to {e.action}",
    ev.RequestMissed: lambda e: f"asked too late to {e.action}: it ended before",
    ev.Paused: lambda e: f"paused after step {e.step}",
    ev.Resumed: lambda e: f"goes on after step {e.step}",
    ev.RunFailed: lambda e: f"failed: {e.what}",
    ev.RunEnded: lambda e: f"{e.how} after step {e.step}",
}
