"""Requests to a running training: read between steps, while caching and while sampling, by the main process.

All processes act on the same wish at the same step: the first one reads, `agree` tells the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.contract.run.events import Paused, RequestMissed, RequestTaken, Resumed

if TYPE_CHECKING:
    from curator.contract.run.run_folder import Action, Ending, RunFolder
    from curator.contract.run.stop_signals import StopSignals
    from train.report import Reporter

ShareFlags = Callable[[list[int]], list[int]]


class StopRequestedError(Exception):
    """Unwinds work that has nothing to save yet; `how` it ends."""

    def __init__(self, how: Ending) -> None:
        super().__init__(how)
        self.how: Ending = how


@dataclass
class Wishes:
    """What users want of the run and have not got yet. One that is suspended ends with its state, to go on later."""

    stop: bool = False
    pause: bool = False
    save: bool = False
    sample: bool = False
    suspend: bool = False

    @property
    def ending(self) -> Ending | None:
        """How the run is to end now, if it is."""
        return "stopped" if self.stop else "suspended" if self.suspend else None


class Control:
    """The run's ear. `share_flags` gives every process the first one's numbers."""

    def __init__(
        self, run: RunFolder, reporter: Reporter, signals: StopSignals, share_flags: ShareFlags
    ) -> None:
        self._run = run
        self._reporter = reporter
        self._signals = signals
        self._share_flags = share_flags
        self.wishes = Wishes()
        self._paused = False

    def listen(self) -> None:
        """Read what was asked. Only the first process has ears."""
        if not self._reporter.is_main_process:
            return
        for action in self._run.take_requests():
            self._reporter.emit(RequestTaken(time.time(), action))
            self._take(action)
        self.wishes.stop = self.wishes.stop or self._signals.asked

    def _take(self, action: Action) -> None:
        if action in ("pause", "resume"):
            self.wishes.pause = action == "pause"
        else:
            setattr(self.wishes, action, True)

    def agree(self, step: int) -> Wishes:
        """What all processes do after `step`. Save and sample are handed out once; a pause lasts until resumed."""
        wishes = self._heard()
        if wishes.pause != self._paused:
            self._paused = wishes.pause
            event = Paused if wishes.pause else Resumed
            self._reporter.emit(event(time.time(), step))
        self.wishes.save = self.wishes.sample = False
        return wishes

    def _heard(self) -> Wishes:
        self.listen()
        mine = self.wishes
        flags = [int(flag) for flag in (mine.stop, mine.pause, mine.save, mine.sample, mine.suspend)]
        return Wishes(*(bool(flag) for flag in self._share_flags(flags)))

    def stop_if_asked(self) -> None:
        """For work before the first step. All processes call it together.

        Raises:
            StopRequestedError: a stop was asked for, or to suspend the run.
        """
        ending = self._heard().ending
        if ending is not None:
            raise StopRequestedError(ending)

    def all_go_on(self) -> bool:
        """For work of all processes, who ask it equally often: whether to go on with it."""
        return self._heard().ending is None

    def say_missed(self) -> None:
        """Say what was asked for behind the last step: nothing is left to do it with."""
        self.listen()
        for action in ("stop", "pause", "save", "sample", "suspend"):
            if getattr(self.wishes, action):
                self._reporter.emit(RequestMissed(time.time(), action))

    def go_on(self) -> bool:
        """For work of the first process alone, such as sampling: whether to go on with it."""
        self.listen()
        return self.wishes.ending is None
