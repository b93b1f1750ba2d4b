"""A real terminal for a test: `frieze` inside tmux, keys sent in one piece, the screen read."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_LIMIT_S = 300.0  # of any wait: a test never depends on how fast the machine is


class Terminal:
    """One shell in a tmux server of its own."""

    def __init__(self, folder: Path, width: int, height: int, environment: Mapping[str, str]) -> None:
        self._socket = folder / "tmux"
        settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        size = ["-x", str(width), "-y", str(height)]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", *size, *settings, "env PS1='$ ' sh")
        self.sees("$")

    def tmux(self, *words: str) -> str:
        command = ["tmux", "-S", str(self._socket), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def keys(self, *keys: str) -> None:
        """All of them in one write: names as tmux knows them, else the letters of a text."""
        self.tmux("send-keys", "-t", "t", *keys)

    def paste(self, text: str) -> None:
        """As a terminal pastes where a program asked for brackets."""
        self.tmux("set-buffer", text)
        self.tmux("paste-buffer", "-p", "-t", "t")

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "t")

    def sees(self, text: str) -> None:
        self.until(lambda: text in self.screen, text)

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        deadline = time.monotonic() + _LIMIT_S
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {what!r}; the screen shows\n{self.screen}")

    def close(self) -> None:
        self.tmux("kill-server")
