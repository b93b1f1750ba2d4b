"""The picture of one cell of a grid: the one place where a thumbnail becomes what the terminal shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from curator.tui.drawing.pictures import HalfBlocks

if TYPE_CHECKING:
    from curator.tui.drawing.picture_request import Canvas, Picture


def draw_cell(
    thumbnail: Image.Image, columns: int, lines: int, canvas: Canvas | None = None, *, dimmed: bool = False
) -> Picture:
    """A thumbnail in at most so many cells of a canvas; `dimmed` where its image is rejected."""
    canvas = canvas or HalfBlocks()
    wide, high = canvas.unit
    scale = min(columns * wide / thumbnail.width, lines * high / thumbnail.height)
    step = 2 if high == 2 else 1  # a half block has another half
    size = (max(1, round(thumbnail.width * scale)), max(1, round(thumbnail.height * scale / step)) * step)
    image = thumbnail.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if dimmed:
        image = image.convert("L").convert("RGB").point([value // 3 for value in range(256)] * 3)
    return canvas.drawn(image)
