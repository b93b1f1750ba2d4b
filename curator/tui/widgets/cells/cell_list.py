"""A long list that can also be shown as a grid of cells, with the same cursor, and the keys that move it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from functools import lru_cache
from typing import NamedTuple, Protocol

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip

from curator.tui.keyboard.keys import KeyAction, bindings
from curator.tui.widgets.lists.line_list import LineList

LEAST_LINES, MOST_LINES = 5, 30  # of a cell
_LEAST_CELLS = 15  # a cell is so wide at least: its line tells a name
_SIDEWAYS = 0.5  # of a cell that lacks is made up for by the others of its row

KEYS = (
    KeyAction("cells.right", "l,right", "sideways(1)", "in the grid: to the right"),
    KeyAction("cells.left", "h,left", "sideways(-1)", "in the grid: to the left"),
)


_OF_A_GRID = ("sideways", "enlarge")


class Shape(NamedTuple):
    """A grid as it is seen: so many cells beside each other and below each other, each of so many lines.

    `width` is that of all cells of a row together.
    """

    across: int
    down: int
    high: int
    width: int

    @property
    def edges(self) -> tuple[int, ...]:
        """Where the cells of a row begin, and the last one ends."""
        return _edges(self.width, self.across)


def shape_within(width: int, height: int, lines: int) -> Shape:
    """The grid of cells about `lines` high, and about as wide as high to the eye, that fills its room."""
    down = max(1, height // lines)
    high = max(1, height // down)
    across = max(1, int(width / max(_LEAST_CELLS, 2 * (high - 2)) + _SIDEWAYS))
    return Shape(across, down, high, width)


def other_size(width: int, height: int, lines: int, by: int) -> int:
    """Lines of larger cells (`by` 1) or smaller ones (-1): the next that make another grid; these where none do."""
    here = shape_within(width, height, lines)
    wished = lines + by
    while LEAST_LINES <= wished <= MOST_LINES:
        if shape_within(width, height, wished) != here:
            return wished
        wished += by
    return lines


@lru_cache(maxsize=16)
def _edges(width: int, across: int) -> tuple[int, ...]:
    return tuple(column * width // across for column in range(across + 1))


class Looks(NamedTuple):
    """How a cell looks: what is written in it, which takes its last line too, and what is drawn between its edges."""

    written: Hashable
    drawn: Hashable


class Cell(Protocol):
    """A cell to draw."""

    def line(self, number: int) -> Strip:
        """One line of it, exactly as wide as the cell, with the background in its styles."""
        ...


class CellList(LineList):
    """Lines, or cells of several lines in rows; a cursor move draws again only what marks the cursor."""

    BINDINGS = bindings(KEYS)

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(empty=empty, id=id)
        self._wished = 0
        self._shape: Shape | None = None
        self._painted: dict[int, Looks] = {}  # how each place of the grid looked when it was drawn

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """What only a grid can do is no key of a list."""
        return self._shape is not None if action in _OF_A_GRID else True

    @property
    def shape(self) -> Shape | None:
        """The grid; None where lines are shown."""
        return self._shape

    def show_cells(self, lines: int) -> None:
        """Show cells of about so many lines; 0: lines."""
        self._wished = lines
        self._reshape()
        self.refresh()

    @abstractmethod
    def _cell(self, position: int, width: int, high: int) -> Cell:
        """The cell of a position, in so many columns and lines."""

    @abstractmethod
    def _looks(self, position: int) -> Looks:
        """What a cell looks like, its cursor left out."""

    def _view_changed(self) -> None:
        """Other cells are seen, or in another size."""

    def lines_of(self, by: int) -> int:
        """The lines of cells that are larger or smaller than those of now."""
        return other_size(self.size.width - 1, self.size.height, self._wished, by)

    def visible_positions(self) -> range:
        """What is seen of the list."""
        shape = self._shape
        if shape is None:
            top = self.scroll_offset.y
            return range(min(top, self.count), min(self.count, top + self.size.height))
        first = self._top_row(shape) * shape.across
        return range(min(first, self.count), min(self.count, first + shape.across * shape.down))

    # geometry

    def _reshape(self) -> None:
        room = self.size
        self._shape = (
            shape_within(room.width - 1, room.height, self._wished) if self._wished and room.area else None
        )
        self._painted.clear()
        self._measure()
        if not self._bring_into_view():
            self._jump(self._top_row(self._shape) * self._shape.high if self._shape else self.scroll_offset.y)
        self._view_changed()

    @property
    def _lines_in_all(self) -> int:
        shape = self._shape
        if shape is None:
            return super()._lines_in_all
        return -(-self.count // shape.across) * shape.high + self.size.height - shape.down * shape.high

    def _top_row(self, shape: Shape) -> int:
        return round(self.scroll_offset.y / shape.high)

    def _bring_into_view(self) -> bool:
        shape = self._shape
        if shape is None:
            return super()._bring_into_view()
        top, row = self._top_row(shape), self.cursor // shape.across
        if row < top:
            self._jump(row * shape.high)
        elif row >= top + shape.down:
            self._jump((row - shape.down + 1) * shape.high)
        else:
            return False
        return True

    def _cell_width(self, position: int, shape: Shape) -> int:
        edges, column = shape.edges, position % shape.across
        return edges[column + 1] - edges[column]

    def _region(self, position: int, shape: Shape) -> Region:
        row, column = divmod(position, shape.across)
        left, right = shape.edges[column : column + 2]
        return Region(left, (row - self._top_row(shape)) * shape.high, right - left, shape.high)

    # drawing

    def repaint(self, first: int, last: int | None = None) -> None:
        shape = self._shape
        if shape is None:
            super().repaint(first, last)
            return
        begin, end = sorted((first, first if last is None else last))
        for position in self.visible_positions():
            if begin <= position <= end:
                self._repaint_cell(position, shape)

    def _repaint_cell(self, position: int, shape: Shape) -> None:
        """Draw a cell again: all of it where it looks otherwise, else what marks the cursor."""
        region = self._region(position, shape)
        if self._painted.get(position) != self._looks(position):
            self.refresh(region)
            return
        self.refresh(
            Region(region.x, region.y, region.width, 1),
            Region(region.x, region.bottom - 1, region.width, 1),
        )

    def _repaint_changed(self) -> None:
        shape = self._shape
        if shape is None:
            super()._repaint_changed()
            return
        self._view_changed()
        seen = self.visible_positions()
        if set(self._painted) - set(seen):  # there are fewer than before
            self._painted.clear()
            self.refresh()
            return
        for position in seen:
            before, now = self._painted.get(position), self._looks(position)
            if before == now:
                continue
            region = self._region(position, shape)
            if before and before.written == now.written:
                region = Region(region.x, region.y + 1, region.width, max(0, region.height - 2))
            self._painted[position] = now
            self.refresh(region)

    def _strip(self, y: int) -> Strip:
        shape = self._shape
        if shape is None or not self.count:
            return super()._strip(y)
        return self._line_across(y, self._row_of_cells(y // shape.high, shape), shape)

    def _strips(self) -> list[Strip]:
        shape = self._shape
        if shape is None or not self.count:
            return super()._strips()
        height = self.size.height  # which may be another than the shape's, while a resize is on its way
        rows = [self._row_of_cells(below, shape) for below in range(height // shape.high + 1)]
        return [self._line_across(y, rows[y // shape.high], shape) for y in range(height)]

    def _row_of_cells(self, below: int, shape: Shape) -> list[tuple[int, Cell]]:
        """The cells of a row that is seen, with their positions; none below the last whole row, nor of the list."""
        first, edges = (self._top_row(shape) + below) * shape.across, shape.edges
        across = min(shape.across, self.count - first) if below < shape.down else 0
        widths = (edges[column + 1] - edges[column] for column in range(across))
        return [(at, self._cell(at, width, shape.high)) for at, width in enumerate(widths, first)]

    def _line_across(self, y: int, cells: list[tuple[int, Cell]], shape: Shape) -> Strip:
        """A line of the cells of its row."""
        line, plain = y % shape.high, self.rich_style
        segments = [segment for _, cell in cells for segment in cell.line(line)]
        segments.append(Segment(" " * (shape.width - shape.edges[len(cells)]), plain))
        if line == shape.high - 1:
            self._painted.update((position, self._looks(position)) for position, _ in cells)
        segments.append(Segment("┃" if self._is_thumb(y) else " ", plain))
        return Strip(segments, shape.width + 1)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if self._shape is None:
            super().watch_scroll_y(old_value, new_value)
        elif round(old_value) != round(new_value):
            self._painted.clear()
            self._repaint_scrolled()

    def _repaint_scrolled(self) -> None:
        """Draw the lines that look otherwise since the list was scrolled."""
        self._view_changed()
        super()._repaint_changed()

    def on_resize(self) -> None:
        self._reshape()

    # keys

    def on_click(self, event: events.Click) -> None:
        shape = self._shape
        if shape is None or event.x >= self.size.width - 1:
            super().on_click(event)
            return
        column = sum(edge <= event.x for edge in shape.edges[1:-1])
        position = (self._top_row(shape) + event.y // shape.high) * shape.across + column
        if event.y < shape.down * shape.high and position < self.count:
            self.go(position)

    def action_move(self, lines: int) -> None:
        self._go_rows(lines)

    def action_page(self, pages: int) -> None:
        if self._shape:
            self._go_rows(pages * self._shape.down)
        else:
            super().action_page(pages)

    def action_half_page(self, halves: int) -> None:
        if self._shape:
            self._go_rows(halves * max(1, self._shape.down // 2))
        else:
            super().action_half_page(halves)

    def action_sideways(self, cells: int) -> None:
        if self._shape:
            self.go(self.cursor + cells)

    def _go_rows(self, rows: int) -> None:
        """Up or down in the same column; from the last row but one to the end where the last is shorter."""
        across = self._shape.across if self._shape else 1
        row, column = divmod(self.cursor, across)
        last = max(0, self.count - 1) // across
        self.go(max(0, min(last, row + rows)) * across + column)
