"""Colours of a terminal that says less of itself than it can: chosen before Textual is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

_VARIABLE = "TEXTUAL_COLOR_SYSTEM"  # read by Textual when it is imported


def all_colours(env: MutableMapping[str, str] = os.environ) -> None:
    """256 colours under tmux and screen, whose usual TERM is taken for one of 8."""
    if env.get("TERM", "").partition(".")[0] in ("screen", "tmux") and not env.get("COLORTERM"):
        env.setdefault(_VARIABLE, "256")
