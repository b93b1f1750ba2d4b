"""Ready lines of text: cut with a sign where they end at an edge, and only those sent again that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.text import Text
from textual.geometry import Region, Size
from textual.strip import Strip

from curator.tui.widgets.own_style import OwnStyle


class Lines(OwnStyle):
    """A few lines, cut at the edge."""

    DEFAULT_CSS = "Lines { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Text] = ()
        self._drawn: Callable[[Size], Sequence[Text]] | None = None

    @property
    def plain(self) -> str:
        """What is shown, as text."""
        return "\n".join(line.plain for line in self._lines)

    def show(self, lines: Sequence[Text]) -> None:
        """Show other lines."""
        self._drawn = None
        self._put(lines)

    def draw(self, drawn: Callable[[Size], Sequence[Text]]) -> None:
        """Show what `drawn` makes of a size in cells, and whenever the size changes what it makes of that."""
        self._drawn = drawn
        if self.size.area:
            self._put(drawn(self.size))

    def on_resize(self) -> None:
        if self._drawn:
            self.draw(self._drawn)

    def _put(self, lines: Sequence[Text]) -> None:
        before, self._lines = self._lines, lines
        for y in range(max(len(before), len(lines))):
            if y >= len(before) or y >= len(lines) or before[y] != lines[y]:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        text = self._lines[y].copy()
        if y == self.size.height - 1 and y < len(self._lines) - 1:  # more follows that is not seen
            text.truncate(width - 1)
            text.append("…")
        text.truncate(width, overflow="ellipsis", pad=True)
        return Strip(segments(text, self.app.console), width).apply_style(self.rich_style)


class Passage(Lines):
    """A text that is wrapped to fill its few lines."""

    DEFAULT_CSS = "Passage { height: 2; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Text()

    @property
    def plain(self) -> str:
        """The whole text, whether there is room for it or not."""
        return self._text.plain

    def say(self, text: Text) -> None:
        """Show another text."""
        self._text = text
        self.draw(lambda size: wrapped(text, size.width, self.app.console))


def wrapped(text: Text, width: int, console: Console) -> list[Text]:
    """A text in lines of at most `width` cells."""
    return list(text.wrap(console, max(4, width))) if text else []


def segments(text: Text, console: Console) -> list[Segment]:
    """A text as it is drawn: Rich forgets a text's own style where no part of it has another."""
    text.stylize_before(text.style)
    return [*text.render(console)]


def fitted(text: str, cells: int, *, right: bool = False) -> str:
    """`text` in so many cells: padded, or cut with a sign."""
    room = cells - cell_len(text)
    if room < 0:
        return set_cell_size(text, max(0, cells - 1)) + "…"
    return " " * room + text if right else text + " " * room
