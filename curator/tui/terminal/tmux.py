"""tmux between the app and the terminal: what the terminal is, and how escapes pass through to it."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

_LIMIT_S = 1.0


class Tmux(NamedTuple):
    """`terminal` is the name and version that the terminal gave tmux; empty if it gave none."""

    terminal: str
    passes: bool


def looked_at() -> Tmux:
    """What the tmux of this pane knows."""
    words = ["display-message", "-p", "#{client_termtype}", ";", "show-options", "-Apv", "allow-passthrough"]
    try:
        asked = subprocess.run(
            ["tmux", *words],  # noqa: S607 (the one the user runs)
            capture_output=True, text=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Tmux("", passes=False)
    terminal, _, passes = asked.stdout.partition("\n")
    return Tmux(terminal, passes.strip() in ("on", "all"))


def through(escape: str) -> str:
    """An escape that tmux hands to the terminal as it is."""
    doubled = escape.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"
