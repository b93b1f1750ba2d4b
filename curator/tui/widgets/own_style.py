"""A widget's own style, kept: each of its lines asks for it, and working it out walks up to the screen."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


class OwnStyle(Widget):
    """Works its style out once, and again when a stylesheet has changed it."""

    _own: Style | None = None

    @property
    def rich_style(self) -> Style:
        if self._own is None:
            self._own = super().rich_style
        return self._own

    def notify_style_update(self) -> None:
        self._own = None
        super().notify_style_update()
