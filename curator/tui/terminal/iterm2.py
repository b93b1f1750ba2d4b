"""iTerm2's inline images: JPEG, by far the fewest bytes, painted over cells."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from curator.tui.drawing.picture_request import Painting, Picture

if TYPE_CHECKING:
    from PIL import Image

_QUALITY = 80


@dataclass(frozen=True)
class Iterm2Canvas:
    """Images of as many pixels as the cells have."""

    cell: tuple[int, int]

    @property
    def unit(self) -> tuple[int, int]:
        return self.cell

    @property
    def dot(self) -> tuple[int, int]:
        return max(1, self.cell[0] // 5), max(1, self.cell[0] // 5)

    def drawn(self, image: Image.Image) -> Picture:
        columns, lines = -(-image.width // self.cell[0]), -(-image.height // self.cell[1])
        file = BytesIO()
        image.save(file, "JPEG", quality=_QUALITY)
        data = file.getvalue()
        keys = f"inline=1;size={len(data)};width={columns};height={lines};preserveAspectRatio=1;doNotMoveCursor=1"
        escape = f"\x1b]1337;File={keys}:{b64encode(data).decode()}\x07"
        return Picture(painting=Painting(columns, lines, escape))
