"""A request to draw an image and its answer, so that one can ask before Pillow is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from textual.strip import Strip

if TYPE_CHECKING:
    from PIL import Image

    from curator.contract.buckets import Placement


Part = tuple[float, float, float, float]  # left, top, right, bottom of an image, from 0 to 1


class CloseUp(NamedTuple):
    """A part of an image around a middle (from 0 to 1), so many times as large as where all of it is seen.

    0 times is one pixel drawn for each of the image's own.
    """

    x: float
    y: float
    times: int


class PictureRequest(NamedTuple):
    """What to draw: a file, in so many cells, mirrored with `flip`.

    With a placement its crop is outlined; `cut` shows nothing but the crop. `close_up` shows a part; `mask` is the file
    that says what counts, which may be the image itself. `canvas` is what it is drawn on: half blocks, unless the
    terminal shows more.
    """

    path: Path
    columns: int
    lines: int
    placement: Placement | None = None
    flip: bool = False
    cut: bool = False
    close_up: CloseUp | None = None
    mask: Path | None = None
    canvas: Canvas | None = None


class Canvas(Protocol):
    """A way to show an image in the cells of a terminal. Of equal ones the pictures are equal."""

    @property
    def unit(self) -> tuple[int, int]:
        """Pixels that an image should have for each cell, across and down; they are as wide as they are high."""
        ...

    @property
    def dot(self) -> tuple[int, int]:
        """Pixels, across and down, of the smallest dot that is seen, and drawn as it is."""
        ...

    def drawn(self, image: Image.Image) -> Picture:
        """An RGB image that has the pixels of the cells it may take."""
        ...


@dataclass(frozen=True, eq=False)
class Upload:
    """An image that the terminal keeps under a number, and shows in cells that name it.

    `keys` is the form and size of `data`, in kitty's words; `size` the bytes that the terminal keeps.
    """

    columns: int
    lines: int
    keys: str
    data: str
    size: int


@dataclass(frozen=True, eq=False)
class Painting:
    """An escape that paints over so many blank cells, right and down of where the cursor stands."""

    columns: int
    lines: int
    escape: str


class Picture(NamedTuple):
    """Lines ready to draw, or what the terminal draws itself, or why there is nothing.

    `part` says what of the image is seen, where not all is.
    """

    strips: tuple[Strip, ...] = ()
    problem: str = ""
    part: Part | None = None
    upload: Upload | None = None
    painting: Painting | None = None
