"""The text entry: one line, no blinking cursor (which would send bytes over SSH), no border."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widgets import Input


class Entry(Input):
    """A one-line input; `…` at an end says that its text goes on there."""

    DEFAULT_CSS = """
    Entry { border: none; width: 1fr; height: 1; padding: 0; background: $surface; }
    Entry:focus { border: none; background: $entry; background-tint: $entry 0%; }
    Entry > .input--selection { color: $cursor-text; background: $cursor; }
    Entry > .input--placeholder { color: $quiet; }
    """

    PASTED_JOIN = " "  # between the lines of a pasted text

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True)
        self.cursor_blink = False

    def on_paste(self, event: events.Paste) -> None:
        """All lines of a pasted text, as one; what is no character of a line is left out."""
        event.prevent_default()
        event.stop()
        lines = (" ".join(line.split("\t")).strip() for line in event.text.splitlines())
        text = self.PASTED_JOIN.join(filter(None, lines))
        self.replace("".join(filter(str.isprintable, text)), *self.selection)

    @property
    def max_scroll_x(self) -> int:
        """By the entry's own width: Textual takes that of the container, which a label may share."""
        return max(0, self.content_width - self.size.width)

    def watch_selection(self) -> None:
        self._show_cursor()

    def on_focus(self) -> None:
        self._show_cursor()

    def on_resize(self) -> None:
        self._show_cursor()

    def _show_cursor(self) -> None:
        """Scroll to where one types, after a paste and in another width too."""
        if not self.has_focus:
            return
        at, left, width = cell_len(self.value[: self.cursor_position]), round(self.scroll_x), self.size.width
        wanted = max(min(left, at), at - width + 1)
        if wanted != left:
            self.scroll_to(x=wanted, animate=False, force=True, immediate=True)

    def render_line(self, y: int) -> Strip:
        strip, width, left = super().render_line(y), self.size.width, round(self.scroll_offset.x)
        more = Strip([Segment("…", self.rich_style)])
        if y == 0 and self.value and cell_len(self.value) - left > width:
            strip = Strip.join([strip.crop(0, width - 1), more])
        if y == 0 and left:
            strip = Strip.join([more, strip.crop(1)])
        return strip
