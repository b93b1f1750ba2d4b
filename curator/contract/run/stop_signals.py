"""Signals to a worker: the first asks it to save and stop, the second to stop at once."""

from __future__ import annotations

import signal
from types import FrameType


class StopSignals:
    """Counts SIGTERM and SIGINT. A closed terminal (SIGHUP) never stops a run."""

    def __init__(self) -> None:
        self.count = 0

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

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.at_once:
            raise KeyboardInterrupt
