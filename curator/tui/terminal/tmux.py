"""tmux between the app and the terminal: what the terminal is, and how escapes pass through to it."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

_LIMIT_S = 1.0


_NAMES_256 = ("256", "direct", "kitty", "ghostty")  # in TERM, of terminals with 256 colours at least


class Tmux(NamedTuple):
    """`terminal` is the name and version that the terminal gave tmux; empty if it gave none.

    `passes` tells whether escapes pass through to it, and 256 colours.
    """

    terminal: str
    passes: bool


def looked_at() -> Tmux:
    """What the tmux of this pane knows."""
    format_ = "#{client_termtype}\n#{client_termname} #{client_termfeatures}"
    words = ["display-message", "-p", format_, ";", "show-options", "-Apv", "allow-passthrough"]
    try:
        asked = subprocess.run(
            ["tmux", *words],  # noqa: S607 (the one the user runs)
            capture_output=True, text=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return Tmux("", passes=False)
    terminal, kind, passes = (asked.stdout.split("\n") + 3 * [""])[:3]
    has_256 = any(each in kind for each in _NAMES_256) or "RGB" in kind
    return Tmux(terminal, has_256 and passes in ("on", "all"))


def through(escape: str) -> str:
    """An escape that tmux hands to the terminal as it is."""
    doubled = escape.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"
