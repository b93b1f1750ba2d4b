"""A long list that can be shown as a grid of pictures, which are made as they come into view."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, NamedTuple

from textual.timer import Timer

from curator.tui.drawing.picture_request import Picture
from curator.tui.terminal.picture_app import pictures_of
from curator.tui.widgets.cells.cell_list import CellList, Looks, Shape
from curator.tui.widgets.cells.picture_cell import (
    CellLook,
    CellStyles,
    PictureCell,
    picture_room,
    placed_in_cell,
)
from curator.tui.widgets.cells.thumbnail_feed import CellRequest, ThumbnailFeed

if TYPE_CHECKING:
    from PIL.Image import Image

    from curator.tui.terminal.shown_pictures import Placed


_REST_S = 0.06  # after the last scroll: longer than between the keys of a held one
_PASSED = Picture()  # shown of what is scrolled past: a page of pictures is many bytes


class Thumbnail(NamedTuple):
    """A small picture to make in a thread: what it is of, whether it is shown dark, and how it is made."""

    content: Hashable
    is_dimmed: bool
    make: Callable[[], Image]


class PictureCells(CellList):
    """Lines, or cells with a picture, a name and what marks them."""

    COMPONENT_CLASSES = {
        "cell--cursor",
        "cell--elsewhere",
        "cell--selected",
        "cell--keep",
        "cell--reject",
        "cell--quiet",
        "cell--empty",
    }
    DEFAULT_CSS = """
    PictureCells > .cell--cursor { background: $cursor; color: $cursor-text; }
    PictureCells > .cell--elsewhere { background: $elsewhere; color: $foreground; }
    PictureCells > .cell--selected { color: $secondary; text-style: bold; }
    PictureCells > .cell--keep { color: $success; }
    PictureCells > .cell--reject { color: $error; }
    PictureCells > .cell--quiet { color: $quiet; }
    PictureCells > .cell--empty { background: $panel; }
    """

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(empty=empty, id=id)
        self._feed = ThumbnailFeed(self)
        self._styles: CellStyles | None = None
        self._rest: Timer | None = None  # runs while the list is scrolled

    @abstractmethod
    def _look(self, position: int) -> CellLook:
        """What a cell shows beside its picture."""

    @abstractmethod
    def _thumbnail_of(self, position: int) -> Thumbnail | None:
        """The picture of a cell; None where it has none."""

    def on_thumbnail_feed_came(self, message: ThumbnailFeed.Came) -> None:
        self._feed.take(message.drawn)
        if self.shape:
            self._repaint_changed()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = None

    def on_pictures_changed(self) -> None:
        self._reshape()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if self.shape and round(old_value) != round(new_value):
            if self._rest:
                self._rest.stop()
            self._rest = self.set_timer(_REST_S, self._come_to_rest)
        super().watch_scroll_y(old_value, new_value)

    def _repaint_scrolled(self) -> None:
        super()._repaint_scrolled()
        if pictures_of(self).are_painted:  # over cells that look blank
            self.refresh()

    def _come_to_rest(self) -> None:
        self._rest = None
        if self.shape:
            self._repaint_changed()

    def _view_changed(self) -> None:
        """Have the pictures made that are seen, then those of the page below and above."""
        shape = self.shape
        if shape is None:
            self._feed.want([])
            pictures_of(self).put(self, [])
            return
        seen = self.visible_positions()
        page = shape.across * shape.down
        below = range(seen.stop, min(self.count, seen.stop + page))
        above = range(max(0, seen.start - page), seen.start)
        requests = (self._request(position) for each in (seen, below, above) for position in each)
        pictures = pictures_of(self)
        self._feed.want([] if pictures.is_off else [each for each in requests if each])
        pictures.put(self, [each for each in (self._placed(at, shape) for at in seen) if each])

    def _placed(self, position: int, shape: Shape) -> Placed | None:
        request = None if self._rest else self._request(position)
        if request is None:
            return None
        region = self._region(position, shape)
        picture = self._feed.picture(request)
        return placed_in_cell(picture, region.offset, region.width, shape.high) if picture else None

    def _request(self, position: int) -> CellRequest | None:
        thumbnail, shape = self._thumbnail_of(position), self.shape
        if thumbnail is None or shape is None:
            return None
        columns, lines = picture_room(self._cell_width(position, shape), shape.high)
        canvas = pictures_of(self).canvas()
        return CellRequest(thumbnail.content, columns, lines, thumbnail.is_dimmed, canvas, thumbnail.make)

    def _looks(self, position: int) -> Looks:
        drawn = _PASSED if self._rest else id(self._feed.picture(self._request(position)))
        return Looks(self._look(position), drawn)

    def _cell(self, position: int, width: int, high: int) -> PictureCell:
        styles = self._cell_styles()
        cursor = None
        if position == self.cursor:
            cursor = styles.cursor if self.has_focus else styles.cursor_elsewhere
        picture = _PASSED if self._rest else self._feed.picture(self._request(position))
        picture = pictures_of(self).in_cells(picture) if picture else None
        return PictureCell(self._look(position), picture, width, high, styles, cursor)

    def _cell_styles(self) -> CellStyles:
        if self._styles is None:
            names = ("cursor", "elsewhere", "selected", "keep", "reject", "quiet", "empty")
            plain = self.rich_style
            styles = (plain + self.get_component_rich_style(f"cell--{name}") for name in names)
            self._styles = CellStyles(plain, *styles)
        return self._styles
