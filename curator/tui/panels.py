"""What Browse shows, remembered for each class of terminal widths, so that one size never turns another's off."""

from __future__ import annotations

from typing import Any, NamedTuple

from textual.screen import Screen

_FACETS, _NO_PICTURE, _GRID, _NO_SIDE = "-facets", "-no-picture", "-grid", "-no-side"  # as app.tcss says
_NAMES = (_FACETS, _NO_PICTURE, _GRID, _NO_SIDE)


class _Width(NamedTuple):
    """A class of widths: from how many columns, and how high a cell of the grid is at first."""

    name: str
    columns: int
    cell_lines: int


_VAST = _Width("vast", 160, 9)
_WIDTHS = (_VAST, _Width("wide", 100, 11), _Width("narrow", 64, 9), _Width("small", 0, 8))


class BrowsePanels:
    """The classes of a screen that show or hide something, and the size of the grid's cells, of each width."""

    def __init__(self, screen: Screen, remembered: object) -> None:
        self._screen = screen
        self._shown: dict[str, list[str]] = {}
        self._lines: dict[str, int] = {}
        if isinstance(remembered, dict):  # else of a version that knew one size only
            for width, kept in remembered.items():
                self._shown[width] = [each for each in kept["shown"] if each in _NAMES]
                self._lines[width] = kept["cell_lines"]

    @property
    def _width(self) -> _Width:
        columns = self._screen.app.size.width
        return next(each for each in _WIDTHS if columns >= each.columns)

    def fit(self) -> None:
        """Show what belongs to the width of now."""
        width = self._width
        shown = self._shown.get(width.name, [])
        self._screen.set_class(width is _VAST, f"-{_VAST.name}")
        for name in _NAMES:
            self._screen.set_class(name in shown, name)

    def toggle(self, name: str) -> bool:
        """Set a class of this width, or take it away; gives whether it is set."""
        self._screen.toggle_class(name)
        self._shown[self._width.name] = [each for each in _NAMES if self._screen.has_class(each)]
        return self._screen.has_class(name)

    @property
    def is_grid(self) -> bool:
        """Whether images are shown as a grid."""
        return self._screen.has_class(_GRID)

    @property
    def has_picture(self) -> bool:
        """Whether the image under the cursor is shown beside the others."""
        return self._width.columns >= 100 if self.is_grid else not self._screen.has_class(_NO_PICTURE)

    @property
    def cell_lines(self) -> int:
        """How high the cells of the grid are; 0 where there is none."""
        width = self._width
        return (self._lines.get(width.name, 0) or width.cell_lines) if self.is_grid else 0

    @cell_lines.setter
    def cell_lines(self, lines: int) -> None:
        self._lines[self._width.name] = lines

    def values(self) -> dict[str, Any]:
        """What is to be remembered, as JSON."""
        return {
            name: {"shown": self._shown.get(name, []), "cell_lines": self._lines.get(name, 0)}
            for name in sorted({*self._shown, *self._lines})
        }
