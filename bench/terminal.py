"""A program in a real tmux whose terminal is ours: keys go in, and every byte that a line would carry is counted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;:?<=>]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Za-z0-9]|[^\[\]()])")
_QUIET_S = 0.03  # longer than the pause between two writes of one frame


class Seen(NamedTuple):
    """What a key brought: milliseconds to the first bytes and to the end of their frame, its bytes, and all bytes.

    What follows a frame without a pause, such as completions, counts as a part of it.
    """

    first_ms: float
    frame_ms: float
    frame_bytes: int
    bytes: int


class Terminal:
    """A tmux server of its own with one window; `close` ends it."""

    def __init__(self, columns: int, lines: int) -> None:
        self._socket = f"frieze-bench-{os.getpid()}-{columns}-{time.monotonic_ns()}"
        environment = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor")
        # remain-on-exit: the pane of a program that ended stays, for the next one
        # -T RGB: without it tmux sends 256 colours, and pictures are of half the bytes
        started = ["tmux", "-L", self._socket, "-f", "/dev/null", "-T", "RGB", "new-session", "cat"]
        child, self._line = pty.fork()
        if child == 0:
            os.execvpe("tmux", started, environment)
        self._child = child
        fcntl.ioctl(self._line, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.drain(1.0)
        self.tmux("set-option", "-g", "remain-on-exit", "on")
        self.tmux("set-option", "-g", "status", "off")
        self.tmux("set-option", "-g", "default-terminal", "tmux-256color")
        self.tmux("set-option", "-s", "escape-time", "0")
        self.drain(0.5)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.tmux("kill-server")
        os.close(self._line)
        os.waitpid(self._child, 0)

    def tmux(self, *words: str) -> str:
        """A command of the tmux server."""
        done = subprocess.run(
            ["tmux", "-L", self._socket, *words], capture_output=True, text=True, check=False
        )
        return done.stdout.rstrip("\n")

    def start(self, command: Sequence[str], shows: str, limit_s: float = 60.0) -> float:
        """Start a program in place of the one before; milliseconds until `shows` is on the line."""
        begun = time.perf_counter()
        self.tmux("respawn-pane", "-k", "exec env COLORTERM=truecolor " + shlex.join(command))
        self.until(shows, limit_s)
        return (time.perf_counter() - begun) * 1e3

    def until(self, shows: str, limit_s: float = 60.0) -> None:
        """Read until a text went over the line."""
        read, end = b"", time.perf_counter() + limit_s
        while shows.encode() not in _ESCAPES.sub(b"", read):
            if not self._ready(end - time.perf_counter()):
                raise TimeoutError(f"waited in vain for {shows!r}; the screen:\n{self.screen()}")
            read += os.read(self._line, 1 << 16)

    def press(self, key: bytes, settle_s: float = 0.3) -> Seen:
        """Press a key and wait until nothing came for `settle_s`."""
        begun = time.perf_counter()
        os.write(self._line, key)
        first, frame, in_frame, count = 0.0, 0.0, 0, 0
        while self._ready(settle_s if count else 2.0):
            count += len(os.read(self._line, 1 << 16))
            now = time.perf_counter()
            first = first or now
            if not frame or now - frame < _QUIET_S:
                frame, in_frame = now, count
        return Seen((first - begun) * 1e3, (frame - begun) * 1e3, in_frame, count)

    def write(self, keys: bytes) -> None:
        """Press keys and go on."""
        os.write(self._line, keys)

    def drain(self, quiet_s: float = 0.3) -> int:
        """Read until nothing came for so long; gives how many bytes came."""
        count = 0
        while self._ready(quiet_s):
            count += len(os.read(self._line, 1 << 16))
        return count

    def screen(self) -> str:
        """What is seen."""
        return self.tmux("capture-pane", "-p")

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory of the program, and the part of it that no file backs."""
        status = Path(f"/proc/{self.tmux('display-message', '-p', '#{pane_pid}')}/status").read_text("ascii")
        found = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", status, re.MULTILINE))
        return int(found["VmRSS"]) / 1e3, int(found["RssAnon"]) / 1e3

    def cpu_ms(self) -> float:
        """What the program has used of the processor: beside other work it tells more than the time that went by."""
        stat = Path(f"/proc/{self.tmux('display-message', '-p', '#{pane_pid}')}/stat").read_text("ascii")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * 1e3 / os.sysconf("SC_CLK_TCK")

    def _ready(self, wait_s: float) -> bool:
        return bool(select.select([self._line], [], [], max(0.0, wait_s))[0])
