"""The ways to show pictures, each with the canvas it draws on: a protocol is one file and one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from curator.tui.terminal.cell_size import cell_size
from curator.tui.terminal.iterm2 import Iterm2Canvas
from curator.tui.terminal.kitty import KittyCanvas
from curator.tui.terminal.mosaic import Mosaic
from curator.tui.terminal.sixel import SixelCanvas

if TYPE_CHECKING:
    from curator.tui.drawing.picture_request import Canvas
    from curator.tui.terminal.detection import Terminal


def _blocks(terminal: Terminal) -> Canvas | None:
    if terminal.blocks == "half":
        return None
    return Mosaic(terminal.blocks == "sextants", is_plain=not terminal.has_true_colours)


# None stands for half blocks.
CANVASES: dict[str, Callable[[Terminal], Canvas | None]] = {
    "kitty": lambda terminal: KittyCanvas(cell_size(terminal.cell)),
    "iterm2": lambda terminal: Iterm2Canvas(cell_size(terminal.cell)),
    "sixel": lambda terminal: SixelCanvas(cell_size(terminal.cell)),
    "blocks": _blocks,
    "none": lambda _: None,
}


def canvas_of(terminal: Terminal) -> Canvas | None:
    """What images are drawn on in a terminal, as large as its characters are now."""
    return CANVASES[terminal.way](terminal)
