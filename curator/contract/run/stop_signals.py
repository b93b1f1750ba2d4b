"""Signals to a worker: the first asks it to save and stop, the second to stop at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Generator
from types import FrameType


class StopSignals:
    """Counts SIGTERM and SIGINT. A closed terminal (SIGHUP) never stops a run."""

    def __init__(self) -> None:
        self.count = 0
        self._leave: Callable[[], None] | None = None

    @property
    def asked(self) -> bool:
        return self.count > 0

    @property
    def at_once(self) -> bool:
        return self.count > 1

    def install(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def retire(self) -> None:
        """From here on the process ends by itself: a late signal must not cut off its last words."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    @contextlib.contextmanager
    def leaving_by(self, leave: Callable[[], None]) -> Generator[None]:
        """Where no exception may rise, as in the import of compiled libraries, a second signal calls `leave`."""
        self._leave = leave
        try:
            yield
        finally:
            self._leave = None

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.at_once:
            if self._leave is not None:
                self._leave()
            raise KeyboardInterrupt
