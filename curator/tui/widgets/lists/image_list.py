"""The image list: a million images as lines or as a grid of pictures, and what is selected among them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pyroaring import BitMap
from rich.style import Style
from rich.text import Text
from textual.message import Message

from curator.contract.text import visible
from curator.filter.result import Result
from curator.tui import meanings
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.cells.picture_cell import CellLook
from curator.tui.widgets.cells.picture_cells import PictureCells, Thumbnail
from curator.tui.widgets.lists.page_cache import Fetch, PageCache

if TYPE_CHECKING:
    from PIL.Image import Image

    from curator.session.images.images import ImageRow

_SELECTED = Style(bold=True)
_MARKS = {1: "+", 0: " ", -1: "-"}
_MARK_COLOURS = {1: meanings.KEPT, -1: meanings.REJECTED}


KEYS = (
    KeyAction("images.toggle", "space", "select", "select and step on", "select"),
    KeyAction("images.range", "v", "range", "select a range from here"),
    KeyAction("images.all", "ctrl+a", "all", "select all"),
    KeyAction("images.invert", "asterisk", "invert", "invert the selection"),
    KeyAction(
        "images.clear", "escape", "clear", "clear the selection; without one, back to the screen that asked"
    ),
    KeyAction("images.larger", "plus,equals_sign", "enlarge(1)", "in the grid: larger pictures"),
    KeyAction("images.smaller", "minus", "enlarge(-1)", "in the grid: smaller pictures"),
)


class ImageList(PictureCells):
    """Images of a result. Space, v, ctrl+a and * select; what is selected and shown is acted on.

    `thumbnail` makes the small picture of a row, in a thread; a grid needs it.
    """

    BINDINGS = bindings(KEYS)

    class SelectionChanged(Message):
        """More or fewer images are selected."""

    class Left(Message):
        """Escape with nothing selected: back to where one came from."""

    class Resized(Message):
        """The pictures of the grid are to be of another size."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    def __init__(
        self, *, id: str | None = None, thumbnail: Callable[[ImageRow], Image] | None = None
    ) -> None:
        super().__init__(empty=" no images here", id=id)
        self._thumbnail = thumbnail
        self._rows: PageCache = PageCache(Result(BitMap()), lambda _: [])
        self._selected = BitMap()
        self._anchor: int | None = None

    def show_images(self, result: Result, fetch: Fetch, cursor: int = 0) -> None:
        """Show other images. The selection stays, but only what is shown of it counts."""
        self._rows = PageCache(result, fetch)
        self._anchor = None
        self.show(len(result), self._text, cursor)
        self.post_message(self.SelectionChanged())

    def read_again(self) -> None:
        """Rows changed, the images are the same."""
        self._rows.forget()
        self._feed.forget_problems()
        self._repaint_changed()
        self.post_message(self.Moved(self, self.cursor))

    @property
    def result(self) -> Result:
        return self._rows.result

    def image_at(self, position: int) -> int:
        """The id of an image by its place in the list."""
        return self._rows.image(position)

    @property
    def current(self) -> ImageRow | None:
        """The image under the cursor."""
        return self._rows.row(self.cursor) if len(self._rows) else None

    def has_images(self) -> bool:
        """Whether there is an image that a key can be about; where there is none it is said."""
        if not len(self._rows):
            self.notify("There is no image here.", markup=False)
        return bool(len(self._rows))

    @property
    def wanted(self) -> ImageRow | None:
        """The image under the cursor; where there is none it is said."""
        return self.current if self.has_images() else None

    @property
    def selected(self) -> BitMap:
        """What is selected and shown, the range being drawn included."""
        chosen = self._selected | self._range()
        return chosen & self.result.bitmap() if chosen else chosen

    @property
    def targets(self) -> BitMap:
        """What an action acts on: the selection, else the image under the cursor."""
        chosen = self.selected
        if chosen or not len(self._rows):
            return chosen
        return BitMap([self.image_at(self.cursor)])

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
        if not self.has_images():
            return
        self._selected ^= BitMap([self.image_at(self.cursor)])
        self.post_message(self.SelectionChanged())
        if self.cursor == self.count - 1:
            self.repaint(self.cursor)
        self.go(self.cursor + 1)

    def action_range(self) -> None:
        if not self.has_images():
            return
        if self._anchor is None:
            self._anchor = self.cursor
        else:
            self._selected |= self._range()
            self._anchor = None
        self.repaint(self.cursor)
        self.post_message(self.SelectionChanged())

    def action_all(self) -> None:
        if self.has_images():
            self._select(BitMap(self.result.bitmap()))

    def action_invert(self) -> None:
        if self.has_images():
            self._select(self.result.bitmap() - self.selected)

    def action_clear(self) -> None:
        if not self._selected and self._anchor is None:
            self.post_message(self.Left())
        self._select(BitMap())

    def _select(self, chosen: BitMap) -> None:
        self._selected, self._anchor = chosen, None
        self._repaint_changed()
        self.post_message(self.SelectionChanged())

    def _range(self) -> BitMap:
        if self._anchor is None:
            return BitMap()
        first, last = sorted((self._anchor, self.cursor))
        return self.result.part(first, last - first + 1)

    def _is_selected(self, position: int) -> bool:
        if self._anchor is not None and min(self._anchor, self.cursor) <= position <= max(
            self._anchor, self.cursor
        ):
            return True
        return self.image_at(position) in self._selected

    # as a grid

    def action_enlarge(self, by: int) -> None:
        """Larger or smaller pictures, where they are a grid; the screen keeps the size."""
        if self.shape:
            self.post_message(self.Resized(self.lines_of(by)))

    def _thumbnail_of(self, position: int) -> Thumbnail | None:
        row = self._rows.row(position)
        if row is None or self._thumbnail is None:
            return None
        return Thumbnail(row.sha256, row.mark < 0, partial(self._thumbnail, row))

    def _look(self, position: int) -> CellLook:
        row, is_selected = self._rows.row(position), self._is_selected(position)
        if row is None:
            return CellLook((1, 1), "(gone)", is_selected=is_selected)
        name, _, _ = row.name.rpartition(".")
        size = (row.width, row.height)
        return CellLook(size, name or row.name, f"{row.tags_count}t", row.mark, is_selected)

    # as a list

    def _text(self, position: int, width: int) -> Text:
        row = self._rows.row(position)
        if row is None:
            return Text(" (gone)")
        chosen = self._is_selected(position)
        about = f" {row.width}x{row.height}".rjust(11) + f" {row.tags_count:>3}t "
        name = Text(visible(row.name), _MARK_COLOURS.get(row.mark, ""))
        name.truncate(max(4, width - len(about) - 4), overflow="ellipsis", pad=True)
        colour = _MARK_COLOURS.get(row.mark, "")
        text = Text(f"{'*' if chosen else ' '}{_MARKS.get(row.mark, ' ')} ", colour)
        text.append_text(name).append(about, meanings.QUIET)
        if chosen:
            text.stylize(_SELECTED)
        return text
