"""The app in a pty whose terminal is ours: it answers as a brand does, and what the app draws is seen as there."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from tests.terminal.screen import Brand, Screen

_LIMIT_S = 240.0  # of any wait: a test never depends on how fast the machine is


class FakeTerminal:
    """A program in a terminal; `close` ends both."""

    def __init__(
        self,
        command: Sequence[str],
        brand: Brand,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        typed: bytes = b"",
    ) -> None:
        self.screen = Screen(*size, brand)
        self.read = 0  # bytes that came from the program
        self.asked = 0  # answers that were sent
        self.last = ""  # what came last
        self._typed = typed  # sent in front of the first answer
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        for name in (
            "TMUX",
            "STY",
            "NO_COLOR",
            "TERM_PROGRAM",
            "LC_TERMINAL",
            "KITTY_WINDOW_ID",
            "VTE_VERSION",
            "COLUMNS",
            "LINES",
        ):
            if name not in (env or {}):
                environment.pop(name, None)
        environment["PYTHONUTF8"] = "1"
        self.child, self._line = pty.fork()
        if self.child == 0:
            os.execvpe(command[0], list(command), environment)
        self._size(*size)
        self.status: int | None = None
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._run, daemon=True)
        self._reader.start()

    def _size(self, columns: int, lines: int) -> None:
        wide, high = self.screen.cell
        fcntl.ioctl(
            self._line, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, columns * wide, lines * high)
        )

    def _run(self) -> None:
        while True:
            try:
                data = os.read(self._line, 1 << 16)
            except OSError:  # the program has ended
                return
            if not data:
                return
            with self._lock:
                self.read += len(data)
                text = self._decode(data)
                self.last = (self.last + text)[-4000:]
                answer = self.screen.feed(text)
            if answer:
                self.asked += 1
                before, self._typed = self._typed, b""
                os.write(self._line, before + answer.encode())

    def type(self, keys: str) -> None:
        os.write(self._line, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        with self._lock:
            self.screen.resize(columns, lines)
        self._size(columns, lines)

    def sees(self, text: str) -> None:
        self.until(lambda: text in self.screen.text, text)

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        end, seen = time.monotonic() + _LIMIT_S, -1
        while time.monotonic() < end:
            if self.read != seen:  # looking takes time from the program: only when there is something new
                seen = self.read
                with self._lock:
                    if condition():
                        return
            time.sleep(0.02)
        raise AssertionError(f"waited in vain for {what!r}; the screen shows\n{self.screen.text}")

    def quiet(self, seconds: float = 0.2) -> int:
        """Wait until nothing came for so long; bytes that came by then."""
        last, since = self.read, time.monotonic()
        while time.monotonic() - since < seconds:
            time.sleep(0.01)
            if self.read != last:
                last, since = self.read, time.monotonic()
        return last

    def echoes(self) -> bool:
        """Whether the terminal shows what is typed, as a shell expects it."""
        return bool(termios.tcgetattr(self._line)[3] & termios.ECHO)

    def ended(self) -> int:
        """Wait for the end of the program; its exit status."""
        end, child = time.monotonic() + _LIMIT_S, 0
        while not child:
            child, status = os.waitpid(self.child, os.WNOHANG)
            assert time.monotonic() < end, "the program does not end"
            time.sleep(0.01)
        self.status = os.waitstatus_to_exitcode(status)
        self._reader.join(_LIMIT_S)
        return self.status

    def freeze(self, keys: str) -> None:
        """The line takes nothing more of what is drawn, though keys still arrive; then it is lost."""
        with self._lock:
            for key in keys:
                self.type(key)
                time.sleep(0.02)
            os.close(self._line)
            self._line = -1

    def close(self) -> None:
        if self.status is None:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        self._reader.join(_LIMIT_S)
        if self._line >= 0:
            os.close(self._line)
