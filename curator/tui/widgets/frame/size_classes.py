"""The classes that the size of the terminal gives a screen, known before its styles are first looked up."""

from __future__ import annotations

from typing import Any

from textual.app import App


def size_classes(app: App[Any]) -> set[str]:
    """Those that Textual gives a screen of `app` when it hears of its size, after all its styles were looked up."""
    sides = (app.size.width, app.HORIZONTAL_BREAKPOINTS), (app.size.height, app.VERTICAL_BREAKPOINTS)
    found = ([name for least, name in sorted(points or ()) if size >= least] for size, points in sides)
    return {names[-1] for names in found if names}
