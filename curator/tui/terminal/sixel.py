"""Sixel: bands of six pixels, a letter a column for each colour, painted over cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.tui.drawing.picture_request import Painting, Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_COLOURS = (
    128  # of 256 that a terminal has at least: half as many cost a third less bytes and are hardly seen
)
_BAND = 6
_REPEATED = re.compile(rb"(.)\1{3,}")


@dataclass(frozen=True)
class SixelCanvas:
    """Images of as many pixels as the cells have, in their own best colours."""

    cell: tuple[int, int]

    @property
    def unit(self) -> tuple[int, int]:
        return self.cell

    @property
    def dot(self) -> tuple[int, int]:
        return max(1, self.cell[0] // 5), max(1, self.cell[0] // 5)

    def drawn(self, image: Image.Image) -> Picture:
        columns, lines = -(-image.width // self.cell[0]), -(-image.height // self.cell[1])
        return Picture(painting=Painting(columns, lines, encoded(image)))


def encoded(image: Image.Image) -> str:
    """The escape that paints an RGB image."""
    import numpy as np
    from PIL import Image

    # Beside median cut an octree takes a hundredth of the time, and keeps what is small and bright: eyes, say.
    small = image.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = small.getpalette() or []
    indexes = np.asarray(small)
    colours = np.unique(indexes).tolist()
    parts = [f'\x1bP0;1q"1;1;{image.width};{image.height}'.encode()]
    for each in colours:
        red, green, blue = (round(value * 100 / 255) for value in palette[each * 3 : each * 3 + 3])
        parts.append(f"#{each};2;{red};{green};{blue}".encode())
    for top in range(0, image.height, _BAND):
        parts.append(b"$".join(_band(indexes[top : top + _BAND])))
        parts.append(b"-")
    parts[-1] = b"\x1b\\"  # no new line below the last: at the foot of a screen it would scroll
    return b"".join(parts).decode()


def _band(rows: NDArray[np.uint8]) -> Iterator[bytes]:
    """For each colour of at most six rows: the pixels it has, as letters."""
    import numpy as np

    across = np.arange(rows.shape[1])
    bits = np.zeros((256, rows.shape[1]), np.uint8)
    for at, row in enumerate(rows):
        bits[row, across] |= np.uint8(1 << at)
    for colour in np.unique(rows).tolist():
        letters = (bits[colour] + 63).tobytes().rstrip(b"?")
        yield b"#%d" % colour + _REPEATED.sub(lambda found: b"!%d" % len(found[0]) + found[1], letters)
