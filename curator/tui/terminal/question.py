"""The question to the terminal about pictures: asked once, before the app has the terminal.

The answer travels while the app is imported and the collection opened. What is typed meanwhile is not shown, and is
handed to the app in its order.
"""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic

from curator.tui.terminal.answers import QUESTION, Answers, begun_at, taken_out

_LIMIT_S = 0.7  # from the question on; an answer that comes later is thrown away, not taken for keys
_MUTE_TERMS = ("", "dumb", "linux", "unknown")


class Question:
    """A question that was asked of the terminal of `input_` and `output` (file numbers), or none."""

    def __init__(self, input_: int, output: int) -> None:
        self._input = input_
        self._before = termios.tcgetattr(input_)
        quiet = termios.tcgetattr(input_)
        quiet[3] &= ~(termios.ECHO | termios.ICANON)
        quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0
        termios.tcsetattr(input_, termios.TCSANOW, quiet)  # TCSANOW: the others throw away what was typed
        self._until = monotonic() + _LIMIT_S
        self._read = b""
        _write(output, QUESTION)

    def answered(self) -> tuple[Answers, str]:
        """Wait for the answers, at most until the limit; they, and what was typed. The terminal is as before."""
        answers, typed = Answers(), ""
        try:
            while True:
                self._look(0.0 if answers.is_last else max(0.0, self._until - monotonic()))
                answers, typed = taken_out(self._read.decode("utf-8", "replace"), Answers())
                is_whole = begun_at(typed) == len(typed)
                if (answers.is_last and is_whole) or monotonic() >= self._until:
                    return answers, typed
        finally:
            self.leave()

    def leave(self) -> None:
        """Give the terminal back as it was."""
        with suppress(termios.error):
            termios.tcsetattr(self._input, termios.TCSANOW, self._before)

    def _look(self, seconds: float) -> None:
        ready, _, _ = select.select([self._input], [], [], seconds)
        while ready:
            read = os.read(self._input, 1 << 16)
            if not read:
                return
            self._read += read
            ready, _, _ = select.select([self._input], [], [], 0)


def asked(env: Mapping[str, str] = os.environ) -> Question | None:
    """Ask the terminal, unless there is none, or it is one that would print the question."""
    if env.get("TERM", "") in _MUTE_TERMS or env.get("TERM_PROGRAM") == "Apple_Terminal" or env.get("STY"):
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    with suppress(OSError, termios.error):
        return Question(sys.stdin.fileno(), sys.stderr.fileno())  # stderr, as the app does
    return None


def _write(output: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(output, data) :]
