"""The line above a panel: its title, and whether the keys go there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from curator.tui.widgets.lists.lines import segments

if TYPE_CHECKING:
    from rich.console import Console

_BESIDE = 4  # cells of the line that are left on both sides of a title
_RULE, _RULE_HERE = "─", "━"  # in NO_COLOR too the panel that has the keys is known


class PanelTitle(Widget):
    """A title within a line across the panel, heavy and in the accent's colour while the widget `of` has the keys.

    With `heads` the title is the heads of columns in so many cells, which stand where it puts them. One that is `spare`
    tells nothing of its own: it goes where lines are scarce.
    """

    COMPONENT_CLASSES = {"title--words"}
    DEFAULT_CSS = """
    PanelTitle { height: 1; width: 1fr; color: $rule; }
    PanelTitle > .title--words { color: $title; }
    PanelTitle.-here { color: $primary; }
    PanelTitle.-here > .title--words { color: $primary; text-style: bold; }
    """

    def __init__(
        self,
        title: str = "",
        *,
        of: str = "",
        heads: Callable[[int], str] | None = None,
        spare: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id, classes="-spare" if spare else None)
        self._title = Text(title)
        self._of = of
        self._heads = heads

    @property
    def plain(self) -> str:
        """The title, as text."""
        return self._words.plain

    @property
    def _words(self) -> Text:
        return Text(self._heads(self.size.width - 1).rstrip()) if self._heads else self._title.copy()

    @property
    def room(self) -> int:
        """Cells that a title has."""
        return max(0, self.size.width - _BESIDE)

    def say(self, title: Text | str) -> None:
        """Show another title; nothing is drawn again where it is the same."""
        title = Text(title) if isinstance(title, str) else title
        if title != self._title:
            self._title = title
            self.refresh()

    def on_mount(self) -> None:
        if self._of:
            self.watch(self.screen, "focused", self._focus_moved)

    def _focus_moved(self, focused: Widget | None) -> None:
        self.set_class(focused is not None and focused in self.screen.query(self._of), "-here")

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one line
        return self._drawn(self.app.console).apply_style(self.rich_style)

    def _drawn(self, console: Console) -> Strip:
        width, rule = self.size.width, _RULE_HERE if self.has_class("-here") else _RULE
        words, indent = self._words, "" if self._heads else " "
        if not words:
            return Strip([Segment(rule * width)], width)
        if self._heads and words.plain.startswith(" "):
            words = words[1:]
        words.truncate(max(1, width - 1 if self._heads else self.room), overflow="ellipsis")
        look = self.get_component_rich_style("title--words", partial=True)
        said = [
            Segment(text, look + (style or Style.null()), control)
            for text, style, control in segments(words, console)
        ]
        used = 1 + len(indent) + words.cell_len
        end = " " if used < width else ""
        return Strip([Segment(rule + indent), *said, Segment(end + rule * (width - used - len(end)))], width)
