"""The events of a run from the start, then whatever was added since the last look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from curator.contract.run.event_log import read_events
from curator.runs.fold import RunFold, RunView

if TYPE_CHECKING:
    from curator.contract.run.events import Event
    from curator.contract.run.run_folder import RunFolder

_LOOK_S = 0.5


def wait_for_end(
    run: RunFolder, timeout_s: float | None = None, is_queued: Callable[[], bool] = lambda: False
) -> RunView | None:
    """The run once it is over; None where it still lives after `timeout_s`. A paused run lives.

    One that `is_queued` is to begin yet, or once more.

    Raises:
        UserError: the event log cannot be read.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while run.status() == "running" or is_queued():
        left = _LOOK_S if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(left, _LOOK_S))
    follower = Follower(run)
    while True:
        view = follower.poll()
        if follower.is_over:
            return view
        if view.status == "running":  # somebody started it again meanwhile
            left = None if deadline is None else deadline - time.monotonic()
            return wait_for_end(run, left, is_queued)


def whole_view(run: RunFolder) -> RunView:
    """The run as all of its events tell it."""
    follower = Follower(run)
    view = follower.poll()
    while follower.is_behind:
        view = follower.poll()
    return view


class Follower:
    """A reader of one run. Any number may follow; none of them touches the run (row B09)."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.view = RunView(name=run.path.name)
        self.news: Sequence[Event] = ()
        self._fold = RunFold()
        self._damaged = 0
        self._offset = 0
        self.is_behind = False  # a long log is read in pieces
        self._lock = threading.Lock()  # an event is taken in once, whoever looks

    def poll(self) -> RunView:
        """The run as it is now, the same view where nothing is new; `news` holds the events this look added.

        Raises:
            UserError: the event log cannot be read.
        """
        with self._lock:
            # The status first: a worker that is over has written all its events before.
            status = self.run.status()
            # What the worker was asked and has not read: a step or a phase may be long.
            pending = tuple(self.run.requests()) if status == "running" else ()
            self.news, self._offset, damaged, self.is_behind = read_events(self.run.events_path, self._offset)
            self._damaged += damaged
            self._fold.feed(*self.news)
            known = self.view
            if self.news or damaged or (status, pending) != (known.status, known.pending):
                self.view = self._fold.view(known.name, status, pending, self._damaged)
            return self.view

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come unless the run is started again."""
        return self.view.status != "running" and not self.is_behind
