"""kitty's graphics protocol: an image is sent once, under a number, and shown by cells that name it.

A cell is U+10EEEE with the line as a diacritic; its colour, one of the 256, is the low byte of the number, the third
diacritic the high one. The 256 pass through tmux whatever colours it lets through. Cells to the right without
diacritics follow on. So a picture is text: it is moved, cut and overwritten as text is, and costs as little.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from curator.tui.drawing.picture_request import Picture, Upload
from curator.tui.terminal.tmux import through

if TYPE_CHECKING:
    from PIL import Image

_CELL = "\U0010eeee"
# The first of kitty's diacritics for lines and columns, as ranges: combining marks above that nothing composes with.
_RANGES = (
    "305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 5a8-5a9 5ab-5ac "
    "5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 735-736 73a 73d 73f-741 743 745 "
    "747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d"
)
_CHUNK = 4096  # characters that one escape may carry
LOW_BYTES = range(16, 256)  # colours that no theme of a terminal changes


def _diacritics() -> str:
    found = ""
    for each in _RANGES.split():
        first, _, last = each.partition("-")
        found += "".join(map(chr, range(int(first, 16), int(last or first, 16) + 1)))
    return found


DIACRITICS = _diacritics()


@dataclass(frozen=True)
class KittyCanvas:
    """Images of half as many pixels each way as the cells have: the terminal makes them larger."""

    cell: tuple[int, int]

    @property
    def unit(self) -> tuple[int, int]:
        return max(1, self.cell[0] // 2), max(1, self.cell[1] // 2)

    @property
    def dot(self) -> tuple[int, int]:
        return 1, 1

    def drawn(self, image: Image.Image) -> Picture:
        """As PNG, or raw and deflated, whichever is smaller."""
        columns = -(-image.width // self.unit[0])
        lines = min(-(-image.height // self.unit[1]), len(DIACRITICS))
        png = BytesIO()
        image.save(png, "PNG")
        raw = image.tobytes()
        deflated = zlib.compress(raw)
        keys, data = "f=100", png.getvalue()
        if len(deflated) < len(data):
            keys, data = f"f=24,o=z,s={image.width},v={image.height}", deflated
        size = image.width * image.height * 4
        return Picture(upload=Upload(columns, lines, keys, b64encode(data).decode(), size))


def number(high: int, low: int) -> int:
    """The number of an image: of two bytes, the others are 0."""
    return high << 24 | low


def sent(upload: Upload, high: int, low: int, *, is_tmux: bool) -> str:
    """The escapes that give an image to the terminal under a number, to be shown in so many cells."""
    keys = f"a=T,q=2,U=1,i={number(high, low)},c={upload.columns},r={upload.lines},{upload.keys},"
    pieces = [upload.data[at : at + _CHUNK] for at in range(0, len(upload.data), _CHUNK)]
    escapes: list[str] = []
    for at, piece in enumerate(pieces, 1):
        escapes.append(_escape(f"{keys}m={int(at < len(pieces))};{piece}", is_tmux=is_tmux))
        keys = "q=2,"
    return "".join(escapes)


def deleted(high: int, low: int, *, is_tmux: bool) -> str:
    """The escape that takes an image from the terminal, with the memory it needs."""
    return _escape(f"a=d,d=I,q=2,i={number(high, low)}", is_tmux=is_tmux)


def cells(upload: Upload, high: int, low: int) -> tuple[Strip, ...]:
    """The lines of cells that show an image."""
    # With a triplet the colour is left as it is on its way through Textual.
    style = Style(color=Color(f"color({low})", ColorType.EIGHT_BIT, low, ColorTriplet(low, low, low)))
    return tuple(
        Strip(
            [
                Segment(
                    _CELL
                    + DIACRITICS[line]
                    + DIACRITICS[0]
                    + DIACRITICS[high]
                    + _CELL * (upload.columns - 1),
                    style,
                )
            ],
            upload.columns,
        )
        for line in range(upload.lines)
    )


def _escape(text: str, *, is_tmux: bool) -> str:
    escape = f"\x1b_G{text}\x1b\\"
    return through(escape) if is_tmux else escape
