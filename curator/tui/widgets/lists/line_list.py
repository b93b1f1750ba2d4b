"""A long list: only visible lines are made, and a cursor move repaints two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, cast

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.lists.lines import fitted, segments
from curator.tui.widgets.own_style import OwnStyle

if TYPE_CHECKING:
    from textual.reactive import Reactive

Line = Callable[[int, int], Text]  # (position, width) -> one line; Text keeps markup in names harmless

_THUMB, _TRACK = "┃", " "
_LINED = Style(underline=True)


KEYS = (
    KeyAction("list.down", "j,down", "move(1)", "next"),
    KeyAction("list.up", "k,up", "move(-1)", "previous"),
    KeyAction("list.page_down", "pagedown,ctrl+f", "page(1)", "a page down"),
    KeyAction("list.page_up", "pageup,ctrl+b", "page(-1)", "a page up"),
    KeyAction("list.half_down", "ctrl+d", "half_page(1)", "half a page down"),
    KeyAction("list.half_up", "ctrl+u", "half_page(-1)", "half a page up"),
    KeyAction("list.first", "g,home", "edge(0)", "first"),
    KeyAction("list.last", "G,end", "edge(1)", "last"),
    KeyAction("list.choose", "enter", "choose", "open"),
)


class LineList(OwnStyle, ScrollView, can_focus=True, inherit_bindings=False):
    """`count` lines made by `line` as they come into view, and a cursor.

    The line of the cursor is turned round, and underlined while the keys go elsewhere, so that it is known without
    colours; a theme says in which. A list that takes no keys itself is walked from an entry.

    The scroll bar is the last cell of each line: Textual's own is a widget, and each change of it a new layout.
    """

    BINDINGS = bindings(KEYS)
    COMPONENT_CLASSES = {"line--cursor", "line--elsewhere"}
    DEFAULT_CSS = """
    LineList { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 0; }
    LineList > .line--cursor { color: $cursor-text; background: $cursor; }
    LineList > .line--elsewhere { background: $elsewhere; }
    """

    class Moved(Message):
        """The cursor is on another line, or on the same line of other contents."""

        def __init__(self, sender: LineList, position: int) -> None:
            super().__init__()
            self.list = sender
            self.position = position

        @property
        def control(self) -> LineList:
            return self.list

    class Chosen(Moved):
        """Enter was pressed on a line."""

    def __init__(self, *, empty: str = "", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.count = 0
        self.empty = empty
        self._line: Line = _no_line
        self._drawn: dict[int, Strip] = {}
        self._ready: dict[
            int, Strip
        ] = {}  # made to be compared, and drawn next unless something changes first
        self._ready_in = Size()

    def show(self, count: int, line: Line, cursor: int | None = None) -> None:
        """Show other lines; the cursor stays at its position unless told."""
        self.count, self._line = count, line
        self.cursor = max(0, min(count - 1, self.cursor if cursor is None else cursor))
        self._measure()
        if not self._bring_into_view():
            self._repaint_changed()
        self.post_message(self.Moved(self, self.cursor))

    def show_texts(self, lines: list[Text], cursor: int | None = None) -> None:
        """Show a few lines that are made already."""
        self.show(len(lines), lambda position, _: lines[position].copy(), cursor)

    def go(self, position: int) -> None:
        """Move the cursor; out of range it stops at the end."""
        old, new = self.cursor, max(0, min(self.count - 1, position))
        if new == old:
            return
        self.cursor = new
        if not self._bring_into_view():
            self.repaint(old)
            self.repaint(new)
        self.post_message(self.Moved(self, new))

    def repaint(self, first: int, last: int | None = None) -> None:
        """Draw lines again and nothing else."""
        lines = abs((first if last is None else last) - first) + 1
        top = min(first, first if last is None else last) - self.scroll_offset.y
        self.refresh(Region(0, top, self.size.width, lines))

    def line_style(self, position: int) -> Style:
        """How the whole line stands out."""
        if position != self.cursor:
            return Style.null()
        has_keys = self.has_focus or not self.can_focus
        look = self.get_component_rich_style(f"line--{'cursor' if has_keys else 'elsewhere'}")
        if has_keys:
            return Style(color=look.bgcolor, bgcolor=look.color, reverse=True, dim=False)
        has_no_grounds = self.app.native_ansi_color or self.app.no_color
        return _LINED if has_no_grounds else Style(bgcolor=look.bgcolor)

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """What is to be drawn again is made again."""
        for y in list(self._ready):
            if not regions or any(region.y <= y < region.bottom for region in regions):
                del self._ready[y]
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def render_line(self, y: int) -> Strip:
        ready = self._ready.pop(y, None) if self._ready_in == self.size else None
        strip = self._drawn[y] = self._strip(y) if ready is None else ready
        return strip

    def _strip(self, y: int) -> Strip:
        position = y + self.scroll_offset.y
        width = max(0, self.size.width - 1)
        if position >= self.count:
            text = self.empty if not self.count and y == 0 else ""
            return Strip([Segment(fitted(text, width) + " ", self.rich_style)], width + 1)
        text = self._line(position, width)
        text.truncate(width, overflow="ellipsis", pad=True)
        text.stylize(self.line_style(position))
        bar = Segment(_THUMB if self._is_thumb(y) else _TRACK)
        return Strip([*segments(text, self.app.console), bar], width + 1).apply_style(self.rich_style)

    def _strips(self) -> list[Strip]:
        """All lines that are seen."""
        return [self._strip(y) for y in range(self.size.height)]

    def _is_thumb(self, y: int) -> bool:
        height, lines = self.size.height, self._lines_in_all
        beyond = lines - height
        if beyond <= 0:
            return False
        length = max(1, height * height // lines)
        first = round(self.scroll_offset.y / beyond * (height - length))
        return first <= y < first + length

    @property
    def _lines_in_all(self) -> int:
        """How many lines there would be without a screen's end."""
        return self.count

    def _bring_into_view(self) -> bool:
        top, height = self.scroll_offset.y, self.size.height
        if height and self.cursor < top:
            self._jump(self.cursor)
        elif height and self.cursor >= top + height:
            self._jump(self.cursor - height + 1)
        else:
            return False
        return True

    def _jump(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True, immediate=True)

    def _measure(self) -> None:
        """Tell Textual the height, without a new layout where the list's own height does not depend on it."""
        height = Size(self.size.width, max(self._lines_in_all, self.size.height))
        if self.styles.is_auto_height:
            self.virtual_size = height
            return
        self.set_reactive(cast("Reactive[Size]", LineList.virtual_size), height)
        if self.scroll_offset.y > self.max_scroll_y:
            self._jump(self.max_scroll_y)

    def _repaint_changed(self) -> None:
        """Draw only the lines that differ from what is there."""
        changed = {y: strip for y, strip in enumerate(self._strips()) if strip != self._drawn.get(y)}
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))
        self._ready, self._ready_in = changed, self.size

    def on_resize(self) -> None:
        self._measure()
        self._bring_into_view()

    def on_focus(self) -> None:
        self.repaint(self.cursor)

    def on_blur(self) -> None:
        self.repaint(self.cursor)

    def on_click(self, event: events.Click) -> None:
        if event.x < self.size.width - 1:
            self.go(event.y + self.scroll_offset.y)
        else:  # on the scroll bar
            self.go(round(event.y / max(1, self.size.height - 1) * (self.count - 1)))

    def action_move(self, lines: int) -> None:
        self.go(self.cursor + lines)

    def action_page(self, pages: int) -> None:
        self.go(self.cursor + pages * max(1, self.size.height - 1))

    def action_half_page(self, halves: int) -> None:
        self.go(self.cursor + halves * max(1, self.size.height // 2))

    def action_edge(self, end: int) -> None:
        self.go(self.count - 1 if end else 0)

    def action_choose(self) -> None:
        if self.count:
            self.post_message(self.Chosen(self, self.cursor))


def _no_line(_position: int, _width: int) -> Text:
    return Text()
