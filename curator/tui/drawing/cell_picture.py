"""The picture of one cell of a grid: the one place where a thumbnail becomes what the terminal shows."""

from __future__ import annotations

from PIL import Image

from curator.tui.drawing.picture_request import Picture
from curator.tui.drawing.pictures import _half_blocks


def draw_cell(thumbnail: Image.Image, columns: int, lines: int, *, dimmed: bool = False) -> Picture:
    """A thumbnail in at most so many cells; `dimmed` where its image is rejected."""
    scale = min(columns / thumbnail.width, lines * 2 / thumbnail.height)
    size = (max(1, round(thumbnail.width * scale)), max(1, round(thumbnail.height * scale / 2)) * 2)
    image = thumbnail.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if dimmed:
        image = image.convert("L").convert("RGB").point([value // 3 for value in range(256)] * 3)
    return Picture(_half_blocks(image))
