"""Colours of a terminal that says less of itself than it can, and names of themes: before Textual is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

THEMES = ("dark", "light", "terminal")
"""Each is made in `curator.tui.theme`."""
_VARIABLE = "TEXTUAL_COLOR_SYSTEM"  # read by Textual when it is imported


def all_colours(env: MutableMapping[str, str] = os.environ) -> None:
    """256 colours under tmux and screen, whose usual TERM is taken for one of 8."""
    if env.get("TERM", "").partition(".")[0] in ("screen", "tmux") and not env.get("COLORTERM"):
        env.setdefault(_VARIABLE, "256")
