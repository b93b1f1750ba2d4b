"""What a screen shows, remembered for each class of terminal widths, so that one size never turns another's off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.screen import Screen

_WIDTHS = ((160, "vast"), (100, "wide"), (64, "narrow"), (0, "small"))
VAST = "-vast"  # a class of the screen, as Textual's own breakpoints set the others


def width_class(columns: int) -> str:
    """The name of a terminal's width."""
    return next(name for least, name in _WIDTHS if columns >= least)


class Panels:
    """The classes of a screen that show or hide something, and numbers, of each width."""

    def __init__(self, screen: Screen, names: Sequence[str], remembered: object) -> None:
        self._screen, self._names = screen, names
        self._shown: dict[str, list[str]] = {}
        self._numbers: dict[str, int] = {}
        if isinstance(remembered, dict):  # else of a version that knew one size only
            for width, kept in remembered.items():
                self._shown[str(width)] = [each for each in kept.get("shown", ()) if each in names]
                self._numbers[str(width)] = int(kept.get("number", 0))

    @property
    def width(self) -> str:
        """The width that the screen has now."""
        return width_class(self._screen.app.size.width)

    def fit(self) -> None:
        """Show what belongs to the width of now."""
        shown = self._shown.get(self.width, [])
        self._screen.set_class(self.width == "vast", VAST)
        for name in self._names:
            self._screen.set_class(name in shown, name)

    def toggle(self, name: str) -> bool:
        """Set a class of this width, or take it away; gives whether it is set."""
        self._screen.toggle_class(name)
        self._shown[self.width] = [each for each in self._names if self._screen.has_class(each)]
        return self._screen.has_class(name)

    @property
    def number(self) -> int:
        """The number that was kept of this width; 0 where none was."""
        return self._numbers.get(self.width, 0)

    @number.setter
    def number(self, value: int) -> None:
        self._numbers[self.width] = value

    def values(self) -> dict[str, Any]:
        """What is to be remembered, as JSON."""
        return {
            width: {"shown": self._shown.get(width, []), "number": self._numbers.get(width, 0)}
            for width in {*self._shown, *self._numbers}
        }
