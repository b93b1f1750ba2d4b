"""The line to a terminal that may be lost: a closed window, an SSH connection that broke."""

from __future__ import annotations

import os
import signal
from typing import IO


class Line:
    """The file that the app writes to, in a thread of Textual's; where the terminal is gone nothing fails or waits.

    A thread that ended with an error would take nothing more of what is queued for it, and the app would wait for room
    there for ever. It is told of the end as by the system's hang-up, which it may have been too busy to hear.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._is_lost = False

    def write(self, text: str) -> int:
        if not self._is_lost:
            try:
                self._file.write(text)
            except OSError:
                self._lose()
        return len(text)

    def flush(self) -> None:
        if not self._is_lost:
            try:
                self._file.flush()
            except OSError:
                self._lose()

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()

    def _lose(self) -> None:
        self._is_lost = True
        os.kill(os.getpid(), signal.SIGHUP)
