"""One cell of a grid of pictures: the picture, its caption below, the cursor's bar above; each line by itself."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from curator.contract.text import visible
from curator.tui.drawing.picture_request import Picture
from curator.tui.widgets.lines import fitted

_BAR, _LEFT, _RIGHT, _BROKEN = "▄", "▌", "▐", "╳"
_LINES_BESIDE = 2  # the bar above and the caption
_COLUMNS_BESIDE = 2  # a margin on either side
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


def cell_line(
    look: CellLook,
    picture: Picture | None,
    line: int,
    width: int,
    high: int,
    styles: CellStyles,
    cursor: Style | None,
) -> Strip:
    """One line of a cell, exactly `width` wide. `cursor` is how it is marked, where it is; None is no picture yet."""
    if line == high - 1:
        return _caption(look, width, styles, cursor)
    if line == 0:
        style = styles.plain + Style(color=cursor.bgcolor) if cursor else styles.plain
        return Strip([Segment((_BAR if cursor else " ") * width, style)], width)
    left, right = (_LEFT, _RIGHT) if look.is_selected else (" ", " ")
    columns, lines = picture_room(width, high)
    inner = _middle(look, picture, line - 1, columns, lines, styles)
    sides = styles.selected if look.is_selected else styles.plain
    return Strip([Segment(left, sides), *inner, Segment(right, sides)], width)


def _caption(look: CellLook, width: int, styles: CellStyles, cursor: Style | None) -> Strip:
    about = f" {look.about}" if width >= 12 else ""
    mark = {1: styles.keep, -1: styles.reject}.get(look.mark, styles.plain)
    signs = f"{'*' if look.is_selected else ' '}{_SIGNS[look.mark]}"
    name = " " + _end_of(visible(look.name), max(1, width - len(signs) - len(about) - 2))
    if cursor:
        rest = cursor + Style(bold=True)
        return Strip([Segment(f"{signs}{name}{about} ", rest)], width).adjust_cell_length(width)
    named = styles.selected if look.is_selected else mark
    parts = [
        Segment(signs[0], styles.selected),
        Segment(signs[1], mark),
        Segment(name, named),
        Segment(f"{about} ", styles.quiet),
    ]
    return Strip(parts).adjust_cell_length(width)


def _end_of(name: str, cells: int) -> str:
    """A name in so many cells: of a long one the end, which is where numbered names differ."""
    if cell_len(name) <= cells:
        return fitted(name, cells)
    end = name
    while cell_len(end) > cells - 1:
        end = end[1 + max(0, (cell_len(end) - cells) // 2) :]
    return fitted(f"…{end}", cells)


def _middle(
    look: CellLook, picture: Picture | None, line: int, columns: int, lines: int, styles: CellStyles
) -> list[Segment]:
    if picture is None:
        return _placeholder(look.size, line, columns, lines, styles)
    if picture.problem:
        return _problem(picture.problem, line, columns, lines, styles)
    first = (lines - len(picture.strips)) // 2
    if not first <= line < first + len(picture.strips):
        return [Segment(" " * columns, styles.plain)]
    strip = picture.strips[line - first]
    left = (columns - strip.cell_length) // 2
    return _between(left, strip, columns - left - strip.cell_length, styles.plain)


def _between(left: int, middle: Iterable[Segment], right: int, plain: Style) -> list[Segment]:
    return [Segment(" " * left, plain), *middle, Segment(" " * right, plain)]


def _placeholder(
    size: tuple[int, int], line: int, columns: int, lines: int, styles: CellStyles
) -> list[Segment]:
    """A rectangle of the picture's shape, where it will be."""
    scale = min(columns / max(1, size[0]), 2 * lines / max(1, size[1]))
    wide = max(1, min(columns, round(size[0] * scale)))
    tall = max(1, min(lines, round(size[1] * scale / 2)))
    first = (lines - tall) // 2
    if not first <= line < first + tall:
        return [Segment(" " * columns, styles.plain)]
    left = (columns - wide) // 2
    return _between(left, [Segment(" " * wide, styles.empty)], columns - left - wide, styles.plain)


def _problem(problem: str, line: int, columns: int, lines: int, styles: CellStyles) -> list[Segment]:
    said = [_BROKEN, *wrap(visible(problem), max(4, columns - 2))][:lines]
    at = line - (lines - len(said)) // 2
    text = said[at] if 0 <= at < len(said) else ""
    left = max(0, columns - cell_len(text)) // 2
    return [Segment(fitted(" " * left + text, columns), styles.reject if at == 0 else styles.quiet)]
