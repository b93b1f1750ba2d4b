"""Colours of the app, and no animation: over SSH each frame is bytes, and each colour is a guess.

Every state is also a sign or a word, so the app reads the same in NO_COLOR, where Textual draws greys.
"""

from __future__ import annotations

import os

from textual.theme import Theme

FRIEZE = Theme(
    name="frieze",
    primary="#8fb3c9",
    secondary="#c9b38f",
    accent="#d9a05b",
    warning="#d9a05b",
    error="#d0726a",
    success="#8fbf88",
    foreground="#d8d8d4",
    background="#16181a",
    surface="#1d2023",
    panel="#272b2f",
    boost="#2e3338",
    dark=True,
)


def be_still() -> None:
    """No animation unless the person asked for it; Textual reads this when it is imported or an app is made."""
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
