"""Pictures as a table, each row under its text: samples of a run by prompt and step, images of a grid by its axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from curator.contract.text import visible
from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.terminal.picture_app import pictures_of
from curator.tui.widgets.cells.cell_list import Shape, other_size, shape_within
from curator.tui.widgets.cells.picture_cell import (
    CellLook,
    CellStyles,
    PictureCell,
    picture_room,
    placed_in_cell,
)
from curator.tui.widgets.cells.thumbnail_feed import CellRequest, ThumbnailFeed
from curator.tui.widgets.lists.lines import fitted

if TYPE_CHECKING:
    from PIL.Image import Image

    from curator.tui.terminal.shown_pictures import Placed

KEYS = (
    KeyAction("samples.later", "l,right", "move(1, 0)", "to the right: a later step"),
    KeyAction("samples.earlier", "h,left", "move(-1, 0)", "to the left: an earlier step"),
    KeyAction("samples.down", "j,down", "move(0, 1)", "the next row"),
    KeyAction("samples.up", "k,up", "move(0, -1)", "the row before"),
    KeyAction("samples.first", "g,home", "edge(0)", "the first of the row"),
    KeyAction("samples.last", "G,end", "edge(1)", "the last of the row"),
    KeyAction("samples.open", "enter,o", "open", "on the whole screen", "enlarge"),
    KeyAction("samples.larger", "plus,equals_sign", "enlarge(1)", "larger pictures", "larger"),
    KeyAction("samples.smaller", "minus", "enlarge(-1)", "smaller pictures", "smaller"),
)
_CELL_LINES = 10  # at first, with the line of the row's text
_NONE = CellLook((1, 1), "")


class PictureOf(NamedTuple):
    """What is at a place of a table: a name below it, its file (None: there is none), and when that was made."""

    name: str
    path: Path | None
    at: float


class PictureTable(NamedTuple):
    """Pictures by row and column. A row has its text, of which an end may be cut off, and what is told beside it."""

    rows: tuple[tuple[str, str], ...]
    columns: int
    pictures: Mapping[tuple[int, int], PictureOf]


class SampleGrid(Widget, can_focus=True):
    """The pictures of a table; `thumbnail` makes the small one of a file, in a thread.

    It has a cursor where it can be focused. With `grows` the last column is the newest: the cursor begins there, and
    stays with it.
    """

    BINDINGS = bindings(KEYS)
    COMPONENT_CLASSES = {"cell--cursor", "cell--heading", "cell--quiet", "cell--reject", "cell--empty"}
    DEFAULT_CSS = """
    SampleGrid { height: 1fr; }
    SampleGrid > .cell--cursor { background: $cursor; color: $cursor-text; }
    SampleGrid > .cell--heading { color: $primary; }
    SampleGrid > .cell--quiet { color: $quiet; }
    SampleGrid > .cell--reject { color: $error; }
    SampleGrid > .cell--empty { background: $panel; }
    """

    class Moved(Message):
        """The cursor is on another picture, or there are others."""

    class Opened(Message):
        """The picture under the cursor is to be seen on the whole screen."""

    def __init__(self, thumbnail: Callable[[Path], Image], *, grows: bool = False) -> None:
        super().__init__()
        self._thumbnail, self._grows = thumbnail, grows
        self._feed = ThumbnailFeed(self)
        self._table: PictureTable | None = None
        self._lines = _CELL_LINES
        self.row, self.column = 0, 0
        self._top, self._left = 0, 0

    def show(self, table: PictureTable) -> None:
        """Show another table; the cursor stays where it is, or with the newest column."""
        before, self._table = self._table, table
        if self._grows and (before is None or self.column >= before.columns - 1):
            self.column = table.columns - 1
        self.row = min(self.row, max(0, len(table.rows) - 1))
        self.column = max(0, min(self.column, table.columns - 1))
        self._look()

    @property
    def current(self) -> PictureOf | None:
        """What is under the cursor; None where nothing is."""
        return self._picture(self.row, self.column)

    def go(self, row: int, column: int) -> None:
        """Put the cursor somewhere else; out of range it stops at the edge."""
        table = self._table
        if table is None or not table.rows:
            return
        before, seen = self.row, (self._top, self._left)
        self.row = max(0, min(len(table.rows) - 1, row))
        self.column = max(0, min(table.columns - 1, column))
        shape = self._bring_into_view()
        if shape is None:
            return
        if seen == (self._top, self._left):  # pictures are many bytes; what marks the cursor is few
            for each in {before, self.row}:
                top = (each - self._top) * shape.high
                self.refresh(*(Region(0, top + line, self.size.width, 1) for line in (0, 1, shape.high - 1)))
            self.post_message(self.Moved())
        else:
            self._look()

    def _look(self) -> None:
        """Draw all that is seen now."""
        shape = self._bring_into_view()
        self.refresh()
        if shape is None:
            self._feed.want([])
            pictures_of(self).put(self, [])
            return
        self._want(shape)
        self.post_message(self.Moved())

    def _bring_into_view(self) -> Shape | None:
        shape = self._shape
        if shape is None:
            return None
        self._top = max(min(self._top, self.row), self.row - shape.down + 1)
        self._left = max(min(self._left, self.column), self.column - shape.across + 1)
        return shape

    def _want(self, shape: Shape) -> None:
        places = (
            (self._top + down, self._left + across)
            for down in range(shape.down)
            for across in range(shape.across)
        )
        pictures, seen = pictures_of(self), list(places)
        requests = [each for each in (self._request(*place) for place in seen) if each]
        self._feed.want([] if pictures.is_off else requests)
        pictures.put(self, [each for each in (self._placed(*place, shape) for place in seen) if each])

    def _placed(self, row: int, column: int, shape: Shape) -> Placed | None:
        request, width = self._request(row, column), shape.edges[1]
        picture = self._feed.picture(request) if request else None
        corner = Offset((column - self._left) * width, (row - self._top) * shape.high + 1)  # below the text
        return placed_in_cell(picture, corner, width, shape.high - 1) if picture else None

    def on_pictures_changed(self) -> None:
        self._look()

    def on_resize(self) -> None:
        self._look()

    def on_thumbnail_feed_came(self, message: ThumbnailFeed.Came) -> None:
        self._feed.take(message.drawn)
        if shape := self._shape:
            self._want(shape)
        self.refresh()

    @property
    def _shape(self) -> Shape | None:
        table = self._table
        if table is None or not table.rows or not self.size.area:
            return None
        shape = shape_within(self.size.width, self.size.height, self._lines)
        across, down = min(shape.across, table.columns), min(shape.down, len(table.rows))
        high = min(shape.high * 2, self.size.height // down)
        width = min(
            self.size.width // across, 2 * high
        )  # no more than that, so that few samples stand together
        return Shape(across, down, high, width * across)

    def _picture(self, row: int, column: int) -> PictureOf | None:
        return self._table.pictures.get((row, column)) if self._table else None

    def _request(self, row: int, column: int) -> CellRequest | None:
        picture, shape = self._picture(row, column), self._shape
        if picture is None or picture.path is None or shape is None:
            return None
        columns, lines = picture_room(shape.edges[1], shape.high - 1)
        thumbnail, canvas = partial(self._thumbnail, picture.path), pictures_of(self).canvas()
        content = (picture.path, picture.at)
        return CellRequest(content, columns, lines, canvas=canvas, thumbnail=thumbnail)

    def render_line(self, y: int) -> Strip:
        shape, table = self._shape, self._table
        width = self.size.width
        if shape is None or table is None:
            return Strip.blank(width, self.rich_style)
        below, line = divmod(y, shape.high)
        row = self._top + below
        if below >= shape.down or row >= len(table.rows):
            return Strip.blank(width, self.rich_style)
        if line == 0:
            return self._heading(row, width)
        styles = self._styles()
        cells = [self._cell_line(row, self._left + at, line - 1, shape, styles) for at in range(shape.across)]
        return Strip.join(cells).adjust_cell_length(width, self.rich_style)

    def _heading(self, row: int, width: int) -> Strip:
        assert self._table
        words, beside = self._table.rows[row]
        style = self.rich_style + self.get_component_rich_style("cell--heading") + Style(bold=row == self.row)
        about = f"  {beside} " if beside else " "
        heading = fitted(f" {visible(words)}", max(4, width - len(about))) + about
        return Strip([Segment(heading, style)]).adjust_cell_length(width, style)

    def _cell_line(self, row: int, column: int, line: int, shape: Shape, styles: CellStyles) -> Strip:
        width, high = shape.edges[1], shape.high - 1
        what, request = self._picture(row, column), self._request(row, column)
        if what is None:
            return Strip.blank(width, styles.plain)
        look = _NONE._replace(name=what.name)
        is_here = self.can_focus and (row, column) == (self.row, self.column)
        cursor = styles.cursor if is_here else None
        picture = self._feed.picture(request)
        picture = pictures_of(self).in_cells(picture) if picture else None
        return PictureCell(look, picture, width, high, styles, cursor).line(line)

    def _styles(self) -> CellStyles:
        plain = self.rich_style
        cursor, quiet, reject, empty = (
            plain + self.get_component_rich_style(f"cell--{name}")
            for name in ("cursor", "quiet", "reject", "empty")
        )
        return CellStyles(plain, cursor, cursor, plain, plain, reject, quiet, empty)

    def action_move(self, across: int, down: int) -> None:
        self.go(self.row + down, self.column + across)

    def action_edge(self, end: int) -> None:
        self.go(self.row, self._table.columns - 1 if end and self._table else 0)

    def action_enlarge(self, by: int) -> None:
        self._lines = other_size(self.size.width, self.size.height, self._lines, by)
        self._look()

    def action_open(self) -> None:
        if self.current and self.current.path:
            self.post_message(self.Opened())
