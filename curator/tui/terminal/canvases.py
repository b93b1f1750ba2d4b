"""The ways to show pictures, each with the canvas it draws on: a protocol is one file and one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from curator.tui.terminal.cell_size import cell_size

if TYPE_CHECKING:
    from curator.tui.drawing.picture_request import Canvas
    from curator.tui.terminal.detection import Terminal


def _kitty(terminal: Terminal) -> Canvas:
    from curator.tui.terminal.kitty import KittyCanvas

    return KittyCanvas(cell_size(terminal.cell))


def _iterm2(terminal: Terminal) -> Canvas:
    from curator.tui.terminal.iterm2 import Iterm2Canvas

    return Iterm2Canvas(cell_size(terminal.cell))


def _sixel(terminal: Terminal) -> Canvas:
    from curator.tui.terminal.sixel import SixelCanvas

    return SixelCanvas(cell_size(terminal.cell))


def _blocks(terminal: Terminal) -> Canvas | None:
    if terminal.blocks == "half":
        return None
    from curator.tui.terminal.mosaic import Mosaic

    return Mosaic(terminal.blocks == "sextants", is_plain=not terminal.has_true_colours)


# None stands for half blocks.
CANVASES: dict[str, Callable[[Terminal], Canvas | None]] = {
    "kitty": _kitty,
    "iterm2": _iterm2,
    "sixel": _sixel,
    "blocks": _blocks,
    "none": lambda _: None,
}


def canvas_of(terminal: Terminal) -> Canvas | None:
    """What images are drawn on in a terminal, as large as its characters are now."""
    return CANVASES[terminal.way](terminal)
