"""A long list that can be shown as a grid of pictures, which are made as they come into view."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, NamedTuple

from textual.strip import Strip

from curator.tui.terminal.picture_app import pictures_of
from curator.tui.widgets.cell_list import CellList, Shape
from curator.tui.widgets.picture_cell import CellLook, CellStyles, PictureCell, picture_room, placed_in_cell
from curator.tui.widgets.thumbnail_feed import CellRequest, ThumbnailFeed

if TYPE_CHECKING:
    from PIL.Image import Image

    from curator.tui.terminal.shown_pictures import Placed


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
    PictureCells > .cell--cursor { background: $accent; color: $background; }
    PictureCells > .cell--elsewhere { background: $primary 40%; color: $foreground; }
    PictureCells > .cell--selected { color: $secondary; text-style: bold; }
    PictureCells > .cell--keep { color: $success; }
    PictureCells > .cell--reject { color: $error; }
    PictureCells > .cell--quiet { color: $foreground 60%; }
    PictureCells > .cell--empty { background: $panel; }
    """

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(empty=empty, id=id)
        self._feed = ThumbnailFeed(self)
        self._styles: CellStyles | None = None

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
        request, region = self._request(position), self._region(position, shape)
        picture = self._feed.picture(request) if request else None
        return placed_in_cell(picture, region.offset, region.width, shape.high) if picture else None

    def _request(self, position: int) -> CellRequest | None:
        thumbnail, shape = self._thumbnail_of(position), self.shape
        if thumbnail is None or shape is None:
            return None
        columns, lines = picture_room(self._region(position, shape).width, shape.high)
        canvas = pictures_of(self).canvas()
        return CellRequest(thumbnail.content, columns, lines, thumbnail.is_dimmed, canvas, thumbnail.make)

    def _looks(self, position: int) -> Hashable:
        request = self._request(position)
        return self._look(position), request and id(self._feed.picture(request))

    def _cell_line(self, position: int, line: int, width: int, high: int) -> Strip:
        styles = self._cell_styles()
        request = self._request(position)
        picture = self._feed.picture(request) if request else None
        cursor = None
        if position == self.cursor:
            cursor = styles.cursor if self.has_focus else styles.cursor_elsewhere
        picture = pictures_of(self).in_cells(picture) if picture else None
        return PictureCell(self._look(position), picture, width, high, styles, cursor).line(line)

    def _cell_styles(self) -> CellStyles:
        if self._styles is None:
            names = ("cursor", "elsewhere", "selected", "keep", "reject", "quiet", "empty")
            plain = self.rich_style
            styles = (plain + self.get_component_rich_style(f"cell--{name}") for name in names)
            self._styles = CellStyles(plain, *styles)
        return self._styles
