"""The clipboard of the user's own terminal, also over SSH: by OSC 52, and in tmux by its own buffer."""

from __future__ import annotations

import os
import subprocess

from textual.app import App

from curator.contract.errors import UserError
from curator.contract.text import visible

_MOST_BYTES = 74_000  # more than one terminal takes less than 100,000 characters of base64
_LIMIT_S = 2.0


def copied(app: App[None], text: str) -> str:
    """Put a text there, its control characters as escapes: a paste into a shell obeys none. Gives what is there.

    Raises:
        UserError: it is longer than terminals take.
    """
    safe = "\n".join(map(visible, text.split("\n")))
    data = safe.encode()
    if len(data) > _MOST_BYTES:
        raise UserError(
            f"{len(data):,} bytes are more than terminals take into a clipboard",
            "select fewer",
        )
    if not (os.environ.get("TMUX") and _taken_by_tmux(data)):
        app.copy_to_clipboard(safe)
    return safe


def _taken_by_tmux(data: bytes) -> bool:
    """Into tmux's buffer, and by it into the terminal's clipboard: what a pane itself asks for it ignores at first."""
    for words in (("-w", "-"), ("-",)):  # before 3.2 there is no -w
        try:
            done = subprocess.run(
                ["tmux", "load-buffer", *words],  # noqa: S607 (the one the user runs)
                input=data, capture_output=True, timeout=_LIMIT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode == 0:
            return "-w" in words
    return False
