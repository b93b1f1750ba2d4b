"""The dashboard of a run in the app: its numbers and plots, one of them enlarged, other runs laid over its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from curator.runs.drawing.chart import STYLES
from curator.runs.drawing.dashboard import dashboard_lines
from curator.runs.drawing.plots import plots
from curator.tui.text.own_words import in_own_words
from curator.tui.widgets.lists.lines import Lines

if TYPE_CHECKING:
    from textual.geometry import Size

    from curator.runs.fold import RunView

MOST_LAID = len(STYLES) - 1
"""Runs that can be laid over the one shown."""


class DashboardPanel(Lines):
    """Shows one view after the other of a run."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view: RunView | None = None
        self.laid: dict[str, RunView] = {}
        self._enlarged = ""

    def show_view(self, view: RunView | None) -> None:
        """Show a run as it is now, or none."""
        self.view = view
        self._draw()

    def lay(self, name: str, view: RunView | None) -> None:
        """Lay a run over the one shown; without a view take it away."""
        if view is None:
            self.laid.pop(name, None)
        else:
            self.laid[name] = view
        self._draw()

    def enlarge_next(self) -> None:
        """Show the next plot alone; after the last all of them."""
        if self.view:
            titles = ["", *(each.title for each in plots(self.view))]
            at = titles.index(self._enlarged) if self._enlarged in titles else 0
            self._enlarged = titles[(at + 1) % len(titles)]
            self._draw()

    def _draw(self) -> None:
        if (view := self.view) is None:
            self.show([])
            return
        others = [each for name, each in self.laid.items() if name != view.name]
        enlarged = self._enlarged

        def drawn(size: Size) -> list[Text]:
            lines = dashboard_lines(
                view, max(20, size.width - 1), max(6, size.height), enlarged=enlarged, others=others
            )
            return [_in_own_words(line) for line in lines]

        self.draw(drawn)


def _in_own_words(line: Text) -> Text:
    """Hints, which have one style, as the app says them."""
    said = in_own_words(line.plain)
    return line if said == line.plain else Text(said, line.style)
