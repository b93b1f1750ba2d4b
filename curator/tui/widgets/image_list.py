"""Decides how a million images are listed, and what is selected among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyroaring import BitMap
from rich.style import Style
from rich.text import Text
from textual.message import Message

from curator.contract.text import visible
from curator.index.images import ImageRow
from curator.tui import keys
from curator.tui.widgets.line_list import LineList
from curator.tui.widgets.page_cache import PageCache

_SELECTED = Style(bold=True)
_MARKS = {1: "+", 0: " ", -1: "-"}


class ImageList(LineList):
    """Images of an id array. Space, v, ctrl+a and * select; what is selected and shown is acted on."""

    BINDINGS = keys.bindings("images")

    class SelectionChanged(Message):
        """More or fewer images are selected."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(empty=" no pictures here", id=id)
        self._rows: PageCache = PageCache([], lambda _: [])
        self._shown = BitMap()
        self._selected = BitMap()
        self._anchor: int | None = None

    def show_images(
        self, ids: Sequence[int], fetch: Callable[[list[int]], list[ImageRow]], cursor: int = 0
    ) -> None:
        """Show other images. The selection stays, but only what is shown of it counts."""
        self._rows = PageCache(ids, fetch)
        self._shown = BitMap(ids)
        self._anchor = None
        self.show(len(ids), self._text, cursor)
        self.post_message(self.SelectionChanged())

    def read_again(self) -> None:
        """Rows changed, the images are the same."""
        self._rows.forget()
        self._repaint_changed()
        self.post_message(self.Moved(self, self.cursor))

    @property
    def ids(self) -> Sequence[int]:
        return self._rows.ids

    @property
    def current(self) -> ImageRow | None:
        """The image under the cursor."""
        return self._rows.row(self.cursor) if len(self._rows) else None

    @property
    def selected(self) -> BitMap:
        """What is selected and shown, the range being drawn included."""
        return (self._selected | self._range()) & self._shown

    @property
    def targets(self) -> BitMap:
        """What an action acts on: the selection, else the image under the cursor."""
        chosen = self.selected
        if chosen or not len(self._rows):
            return chosen
        return BitMap([int(self.ids[self.cursor])])

    def go(self, position: int) -> None:
        old = self.cursor
        super().go(position)
        if self._anchor is not None:
            self.repaint(old, self.cursor)
            self.post_message(self.SelectionChanged())

    def action_select(self) -> None:
        if self._anchor is not None:
            self.action_range()
            return
        if not len(self._rows):
            return
        self._selected ^= BitMap([int(self.ids[self.cursor])])
        self.post_message(self.SelectionChanged())
        if self.cursor == self.count - 1:
            self.repaint(self.cursor)
        self.go(self.cursor + 1)

    def action_range(self) -> None:
        if self._anchor is None:
            self._anchor = self.cursor
        else:
            self._selected |= self._range()
            self._anchor = None
        self.repaint(self.cursor)
        self.post_message(self.SelectionChanged())

    def action_all(self) -> None:
        self._select(BitMap(self._shown))

    def action_invert(self) -> None:
        self._select(self._shown - self.selected)

    def action_clear(self) -> None:
        self._select(BitMap())

    def _select(self, chosen: BitMap) -> None:
        self._selected, self._anchor = chosen, None
        self._repaint_changed()
        self.post_message(self.SelectionChanged())

    def _range(self) -> BitMap:
        if self._anchor is None:
            return BitMap()
        first, last = sorted((self._anchor, self.cursor))
        return BitMap(self.ids[first : last + 1])

    def _is_selected(self, position: int) -> bool:
        if self._anchor is not None and min(self._anchor, self.cursor) <= position <= max(
            self._anchor, self.cursor
        ):
            return True
        return int(self.ids[position]) in self._selected

    def _text(self, position: int, width: int) -> Text:
        row = self._rows.row(position)
        if row is None:
            return Text(" (gone)")
        chosen = self._is_selected(position)
        about = f" {row.width}x{row.height}".rjust(11) + f" {row.tags_count:>3}t "
        name = Text(visible(row.name))
        name.truncate(max(4, width - len(about) - 4), overflow="ellipsis", pad=True)
        text = Text(f"{'*' if chosen else ' '}{_MARKS.get(row.mark, ' ')} ")
        text.append_text(name).append(about)
        if chosen:
            text.stylize(_SELECTED)
        return text
