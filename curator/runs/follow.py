"""The events of a run from the start, then whatever was added since the last look."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from curator.contract.run.event_log import read_events
from curator.contract.run.events import Event
from curator.contract.run.run_folder import RunFolder
from curator.runs.fold import RunFold, RunView


class Follower:
    """A reader of one run. Any number may follow; none of them touches the run (row B09)."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.view = RunView(name=run.path.name)
        self.news: Sequence[Event] = ()
        self._fold = RunFold()
        self._damaged = 0
        self._offset = 0
        self._is_behind = False  # a long log is read in pieces
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
            self.news, self._offset, damaged, self._is_behind = read_events(
                self.run.events_path, self._offset
            )
            self._damaged += damaged
            self._fold.feed(*self.news)
            known = self.view
            if self.news or damaged or (status, pending) != (known.status, known.pending):
                self.view = self._fold.view(known.name, status, pending, self._damaged)
            return self.view

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come unless the run is started again."""
        return self.view.status != "running" and not self._is_behind
