"""Grids drawn in the terminal: images in half blocks, as the app draws them, with labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import set_cell_size

from curator.cli.shared.output import put, stdout_console
from curator.contract.text import visible
from curator.session.training.grids import image_of

if TYPE_CHECKING:
    from rich.console import Console

    from curator.session.training.grids import GridCell, GridFile

_WIDEST, _NARROWEST = 40, 8  # columns of a cell
_GAP = 1


def draw_page(grid: GridFile, folder: Path, page: int) -> bool:
    """Draw a page, from 0, where the terminal has colours and room; whether it did."""
    console = stdout_console()
    columns = grid.length(0)
    width = min(_WIDEST, console.width // columns - _GAP)
    if not console.is_terminal or console.no_color or width < _NARROWEST:
        return False
    put()
    put(visible(f"{grid.title} - {grid.labels_at(2)[page]}" if grid.length(2) > 1 else grid.title))
    put("".join(_fitted(label, width) for label in grid.labels_at(0)).rstrip())
    for row, cells in enumerate(grid.page(page)):
        if len(grid.axes) > 1:
            put(visible(grid.labels_at(1)[row]))
        _draw_row(console, folder, cells, width)
    return True


def _draw_row(console: Console, folder: Path, cells: list[GridCell], width: int) -> None:
    """Images of a row beside each other, then their names and what is the matter with them."""
    from itertools import zip_longest

    from rich.segment import Segment, Segments

    from curator.tui.drawing.picture_request import PictureRequest
    from curator.tui.drawing.pictures import draw_picture

    paths = [image_of(folder, cell) for cell in cells]
    drawn = [draw_picture(PictureRequest(path, width, width)).strips if path else () for path in paths]
    for line in zip_longest(*drawn):
        segments: list[Segment] = []
        for strip in line:
            length = strip.cell_length if strip else 0
            segments += [*(strip or ()), Segment(" " * (width + _GAP - length))]
        console.print(Segments([*segments, Segment.line()]), end="")
    names = (f"{cell.name} {cell.collapsed or ('failed' if cell.failed else '')}" for cell in cells)
    put("".join(_fitted(name, width) for name in names).rstrip())


def _fitted(text: str, width: int) -> str:
    return set_cell_size(visible(text), width) + " " * _GAP
