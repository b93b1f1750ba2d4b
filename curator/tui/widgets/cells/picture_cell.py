"""One cell of a grid of pictures: the picture, its caption below, the cursor's bar above; each line by itself."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.strip import Strip

from curator.contract.text import visible
from curator.tui.terminal.shown_pictures import Placed
from curator.tui.widgets.lists.lines import fitted

if TYPE_CHECKING:
    from curator.tui.drawing.picture_request import Picture

_BAR, _LEFT, _RIGHT, _BROKEN = "▄", "▌", "▐", "╳"
_LINES_BESIDE = 2  # the bar above and the caption
_COLUMNS_BESIDE = 2  # a margin on either side
_ROOM_FOR_ABOUT = 12  # columns; in a narrower cell the name has all of it
_SIGNS = {1: "+", 0: " ", -1: "-"}


class CellStyles(NamedTuple):
    """Colours of a grid, each with the background in it. All they tell is told by a sign too."""

    plain: Style
    cursor: Style
    cursor_elsewhere: Style
    selected: Style
    keep: Style
    reject: Style
    quiet: Style
    empty: Style


class CellLook(NamedTuple):
    """What a cell shows: its picture's size in pixels, name and number beside it, mark, and whether it is selected."""

    size: tuple[int, int]
    name: str
    about: str = ""
    mark: int = 0
    is_selected: bool = False


def picture_room(width: int, high: int) -> tuple[int, int]:
    """Columns and lines that a picture has in a cell."""
    return max(1, width - _COLUMNS_BESIDE), max(1, high - _LINES_BESIDE)


def placed_in_cell(picture: Picture, corner: Offset, width: int, high: int) -> Placed:
    """Where a picture is that the terminal draws itself, in a cell whose upper left is at `corner`."""
    drawn = picture.painting or picture.upload
    if drawn is None:
        return Placed(picture)
    columns, lines = picture_room(width, high)
    left, first = (columns - drawn.columns) // 2, (lines - drawn.lines) // 2
    return Placed(picture, corner + Offset(1 + left, 1 + first))


class PictureCell(NamedTuple):
    """A cell to draw. `picture` is None while it is made; `cursor` is how the cursor is marked, where it is here."""

    look: CellLook
    picture: Picture | None
    width: int
    high: int
    styles: CellStyles
    cursor: Style | None

    def line(self, number: int) -> Strip:
        """One line of it, exactly as wide as the cell."""
        styles, cursor, is_selected = self.styles, self.cursor, self.look.is_selected
        if number == self.high - 1:
            return self._caption()
        if number == 0:
            style = styles.plain + Style(color=cursor.bgcolor) if cursor else styles.plain
            return Strip([Segment((_BAR if cursor else " ") * self.width, style)], self.width)
        left, right = (_LEFT, _RIGHT) if is_selected else (" ", " ")
        sides = styles.selected if is_selected else styles.plain
        return Strip([Segment(left, sides), *self._middle(number - 1), Segment(right, sides)], self.width)

    def _caption(self) -> Strip:
        look, styles, width = self.look, self.styles, self.width
        about = f" {look.about}" if width >= _ROOM_FOR_ABOUT else ""
        mark = {1: styles.keep, -1: styles.reject}.get(look.mark, styles.plain)
        signs = f"{'*' if look.is_selected else ' '}{_SIGNS[look.mark]}"
        name = " " + _end_of(visible(look.name), max(1, width - len(signs) - len(about) - 2))
        if self.cursor:
            text = Segment(f"{signs}{name}{about} ", self.cursor + Style(bold=True))
            return Strip([text]).adjust_cell_length(width)
        named = styles.selected if look.is_selected else mark
        parts = [
            Segment(signs[0], styles.selected),
            Segment(signs[1], mark),
            Segment(name, named),
            Segment(f"{about} ", styles.quiet),
        ]
        return Strip(parts).adjust_cell_length(width)

    def _middle(self, number: int) -> list[Segment]:
        """A line of what is between caption, bar and margins."""
        picture, styles = self.picture, self.styles
        columns, lines = picture_room(self.width, self.high)
        if picture and picture.problem:
            return self._problem(picture.problem, number)
        strips = picture.strips if picture else self._placeholder(columns, lines)
        first = (lines - len(strips)) // 2
        if not first <= number < first + len(strips):
            return [Segment(" " * columns, styles.plain)]
        strip = strips[number - first]
        if picture and (
            picture.upload or picture.painting
        ):  # cells of the terminal's own: ours is the background
            strip = strip.apply_style(styles.plain)
        left = (columns - strip.cell_length) // 2
        right = columns - left - strip.cell_length
        return [Segment(" " * left, styles.plain), *strip, Segment(" " * right, styles.plain)]

    def _placeholder(self, columns: int, lines: int) -> Sequence[Strip]:
        """A rectangle of the picture's shape, where it will be."""
        wide, tall = (max(1, side) for side in self.look.size)
        scale = min(columns / wide, 2 * lines / tall)
        wide = max(1, min(columns, round(wide * scale)))
        tall = max(1, min(lines, round(tall * scale / 2)))
        return [Strip([Segment(" " * wide, self.styles.empty)], wide)] * tall

    def _problem(self, problem: str, number: int) -> list[Segment]:
        columns, lines = picture_room(self.width, self.high)
        said = [_BROKEN, *wrap(visible(problem), max(4, columns - 2))][:lines]
        at = number - (lines - len(said)) // 2
        text = said[at] if 0 <= at < len(said) else ""
        left = max(0, columns - cell_len(text)) // 2
        style = self.styles.reject if at == 0 else self.styles.quiet
        return [Segment(fitted(" " * left + text, columns), style)]


def _end_of(name: str, cells: int) -> str:
    """A name in so many cells: of a long one the end, which is where numbered names differ."""
    if cell_len(name) <= cells:
        return fitted(name, cells)
    end = name
    while cell_len(end) > cells - 1:
        end = end[1 + max(0, (cell_len(end) - cells) // 2) :]
    return fitted(f"…{end}", cells)
