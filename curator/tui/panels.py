"""What a screen shows, remembered for each class of terminal widths, so that one size never turns another's off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from textual.screen import Screen

_NO_PICTURE, _GRID = "-no-picture", "-grid"


class _Width(NamedTuple):
    """A class of widths: from how many columns, and how high a cell of the grid is at first."""

    name: str
    columns: int
    cell_lines: int


_VAST = _Width("vast", 160, 9)
_WIDTHS = (_VAST, _Width("wide", 100, 11), _Width("narrow", 64, 9), _Width("small", 0, 8))


class Panels:
    """The classes of a screen that show or hide something, as app.tcss says, of each width."""

    def __init__(self, screen: Screen, names: Sequence[str], remembered: object) -> None:
        self._screen, self._names = screen, names
        self._kept: dict[str, dict[str, Any]] = {}
        if isinstance(remembered, dict):  # else of a version that knew one size only
            self._kept = {width: dict(kept) for width, kept in remembered.items()}

    @property
    def _width(self) -> _Width:
        columns = self._screen.app.size.width
        return next(each for each in _WIDTHS if columns >= each.columns)

    @property
    def _here(self) -> dict[str, Any]:
        """What is kept of the width of now."""
        return self._kept.setdefault(self._width.name, {})

    def fit(self) -> None:
        """Show what belongs to the width of now."""
        shown = self._here.get("shown", ())
        classes = {name: name in shown for name in self._names}
        self._screen.update_classes({f"-{_VAST.name}": self._width is _VAST, **classes})

    def toggle(self, name: str) -> bool:
        """Set a class of this width, or take it away; gives whether it is set."""
        self._screen.toggle_class(name)
        self._here["shown"] = [each for each in self._names if self._screen.has_class(each)]
        return self._screen.has_class(name)

    def values(self) -> dict[str, Any]:
        """What is to be remembered, as JSON."""
        return {width: kept for width, kept in self._kept.items() if kept}


class BrowsePanels(Panels):
    """Those of Browse, and the size of its grid's cells."""

    def __init__(self, screen: Screen, remembered: object) -> None:
        super().__init__(screen, ("-facets", _NO_PICTURE, _GRID, "-no-side"), remembered)

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
        return int(self._here.get("cell_lines", self._width.cell_lines)) if self.is_grid else 0

    @cell_lines.setter
    def cell_lines(self, lines: int) -> None:
        self._here["cell_lines"] = lines
