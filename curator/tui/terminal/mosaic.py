"""Images as characters: in each cell the block whose two colours come nearest to the pixels there.

Quadrants, which every font has, are two pixels by two; sextants, two by three, are for terminals that draw them.
Both hold half blocks, so a cell is never worse than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from curator.tui.drawing.picture_request import Picture
from curator.tui.terminal.palette import nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"  # by the pixels set: 1 and 2 above, 4 and 8 below
_UNIT = (6, 12)  # pixels of a cell before they are laid together


@dataclass(frozen=True)
class Mosaic:
    """Characters of 2 by 2 pixels, or with `is_fine` 2 by 3; with `is_plain` in 256 colours."""

    is_fine: bool = False
    is_plain: bool = False

    @property
    def unit(self) -> tuple[int, int]:
        return _UNIT

    @property
    def dot(self) -> tuple[int, int]:
        return _UNIT[0] // 2, _UNIT[1] // (3 if self.is_fine else 2)

    def drawn(self, image: Image.Image) -> Picture:
        from PIL import Image

        columns, lines = max(1, round(image.width / _UNIT[0])), max(1, round(image.height / _UNIT[1]))
        small = image.resize((columns * 2, lines * (3 if self.is_fine else 2)), Image.Resampling.BOX)
        return Picture(_strips(small, 3 if self.is_fine else 2, is_plain=self.is_plain))


def _sextant(pixels: int) -> str:
    """The character with these of six pixels set, from above, left before right."""
    if pixels in (0, 21, 42, 63):
        return {0: " ", 21: "▌", 42: "▐", 63: "█"}[pixels]
    return chr(0x1FB00 + pixels - 1 - (pixels > 21) - (pixels > 42))


@lru_cache(2)
def _characters(rows: int) -> str:
    """A character for each set of pixels of a cell that lacks the last; the others are these, colours exchanged."""
    return _QUADRANTS[:8] if rows == 2 else "".join(map(_sextant, range(32)))


def _strips(image: Image.Image, rows: int, *, is_plain: bool) -> tuple[Strip, ...]:
    import numpy as np

    lines, columns = image.height // rows, image.width // 2
    pixels = np.asarray(image, np.float32).reshape(lines, rows, columns, 2, 3)
    pixels = pixels.transpose(0, 2, 1, 3, 4).reshape(lines * columns, rows * 2, 3)
    characters = _characters(rows)
    chosen, front, back = _fitted(pixels, len(characters))
    if is_plain:
        front, back = nearest(front), nearest(back)
    cells = list(
        zip([characters[each] for each in chosen.tolist()], front.tolist(), back.tolist(), strict=True)
    )
    return tuple(_strip(cells[at : at + columns]) for at in range(0, len(cells), columns))


def _fitted(
    pixels: NDArray[np.float32], patterns: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]:
    """For each cell the pattern whose two mean colours are nearest, and these; pixels are (cells, pixels, 3)."""
    import numpy as np

    count = pixels.shape[1]
    is_front = (np.arange(patterns)[:, None] >> np.arange(count) & 1).astype(np.float32)
    number = is_front.sum(1)
    whole = pixels.sum(1, keepdims=True)
    front = is_front @ pixels  # (cells, patterns, 3): sums
    back = whole - front
    # The squared error of two means is the sum of squares less what the means explain: that is to be large.
    explained = (front**2).sum(2) / np.maximum(number, 1) + (back**2).sum(2) / (count - number)
    # A plainer pattern is taken where another is better by less than the eye sees; equal cells share a segment.
    chosen = np.where(explained.max(1) - explained[:, 0] < count * 4, 0, explained.argmax(1))
    each = np.arange(len(pixels))
    fronts = front[each, chosen] / np.maximum(number[chosen], 1)[:, None]
    backs = back[each, chosen] / (count - number[chosen])[:, None]
    return chosen, fronts.round().astype(np.uint8), backs.round().astype(np.uint8)


def _strip(cells: list[tuple[str, list[int], list[int]]]) -> Strip:
    """One line of cells; neighbours of the same colours are one segment."""
    segments: list[Segment] = []
    text, last = "", None
    for character, front, back in cells:
        colours = (tuple(front), tuple(back))
        if colours != last and last:
            segments.append(_segment(text, *last))
            text = ""
        text, last = text + character, colours
    if last:
        segments.append(_segment(text, *last))
    return Strip(segments, len(cells))


def _segment(text: str, front: tuple[int, ...], back: tuple[int, ...]) -> Segment:
    background = Color.from_rgb(*back)
    if text.isspace():
        return Segment(text, Style(bgcolor=background))
    return Segment(text, Style(color=Color.from_rgb(*front), bgcolor=background))
