"""The status line: how far work is, and notes that stay until they were read."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, cast

from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from curator.tui import meanings
from curator.tui.widgets.lists.bars import bar
from curator.tui.widgets.lists.lines import segments, wrapped

if TYPE_CHECKING:
    from textual.app import App

MOST_LINES = 5
_MOST_NOTES = 3  # that are not read yet
_BAR_CELLS = 24
_BAR = f"underline {meanings.BAR}"  # its whole length is seen in any colour
_READ_AFTER_S = 0.5  # a key pressed sooner was on its way before the note was seen


class Note(NamedTuple):
    """Something the app says once. `at` is a time of the monotonic clock, in seconds."""

    title: str
    message: str
    is_mistake: bool
    at: float

    @property
    def text(self) -> Text:
        """As it is written on the status line; a mistake begins with `!`."""
        head = f"{'! ' if self.is_mistake else ''}{self.title}"
        between = "\n" if "\n" in self.message else ": "
        text = Text().append(head, f"bold {meanings.MISTAKE if self.is_mistake else ''}".strip())
        return text.append(f"{between if head else ''}{self.message}")


Notes = tuple[Note, ...]


def with_note(notes: Notes, title: str, message: str, *, is_mistake: bool) -> Notes:
    """The notes with one more; of several that were not read yet the last few stay."""
    note = Note(title, message, is_mistake, monotonic())
    return (*(each for each in notes if each[:3] != note[:3]), note)[-_MOST_NOTES:]


def still_unread(notes: Notes) -> Notes:
    """The notes that a key pressed now does not take away."""
    now = monotonic()
    return tuple(each for each in notes if now - each.at < _READ_AFTER_S)


class StatusLine(Widget):
    """One line, more where a note needs them; the app's `progress` and `notes`, else what the screen has to say."""

    DEFAULT_CSS = "StatusLine { height: auto; width: 1fr; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._rest = Text()
        self._lines: list[Text] = []

    def on_mount(self) -> None:
        self.watch(cast("App[None]", self.app), "notes", self._change)
        self.watch(cast("App[None]", self.app), "progress", self._change)

    def rest(self, text: Text) -> None:
        """What stands here while there is nothing else to say."""
        self._rest = text
        self._change()

    def on_resize(self) -> None:
        self._change()

    def _change(self) -> None:
        before, self._lines = self._lines, self._wanted(self.size.width)
        self.set_class(not self._lines, "-silent")
        if max(1, len(before)) != max(1, len(self._lines)):
            self.refresh(layout=True)
        elif before != self._lines:
            self.refresh()

    def _wanted(self, width: int) -> list[Text]:
        progress, notes = getattr(self.app, "progress", ""), getattr(self.app, "notes", ())
        share = getattr(self.app, "share", None)
        shown = Text(progress, "bold")
        if progress and share is not None and width - shown.cell_len > _BAR_CELLS + 4:
            shown = Text().append(bar(share, _BAR_CELLS), _BAR).append(" ").append_text(shown)
        said = [*([shown] if progress else []), *(each.text for each in notes)]
        if not said:
            return [self._rest] if self._rest else []
        lines = [line for text in said for line in wrapped(text, width - 2, self.app.console)]
        if len(lines) > MOST_LINES:
            lines = lines[:MOST_LINES]
            lines[-1].truncate(width - 3)
            lines[-1].append("…")
        return lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        return max(1, len(self._wanted(width)))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        text = Text(" ").append_text(self._lines[y]) if y < len(self._lines) else Text()
        text.truncate(width, overflow="ellipsis", pad=True)
        return Strip(segments(text, self.app.console), width).apply_style(self.rich_style)
