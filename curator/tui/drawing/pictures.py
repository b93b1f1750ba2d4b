"""Images as they are shown: turned as EXIF says, alpha on white, crop outlined; as half blocks, or on another canvas.

An image of the whole is shown with what its placement cuts away darkened and a dashed line around what is
trained, so that the crop is seen without colour too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from curator.contract.crops import beyond_crop, crop_within
from curator.contract.files.picture_file import open_picture
from curator.contract.flatten import flattened
from curator.scan.headers.header import MAX_PIXELS  # and sets Pillow's own limits
from curator.tui.drawing.picture_request import Canvas, Picture, PictureRequest

if TYPE_CHECKING:
    from curator.contract.buckets import Box, Placement

_UPPER_HALF = "▀"


@dataclass(frozen=True)
class HalfBlocks:
    """Two pixels a cell, one above the other: what every terminal shows."""

    @property
    def unit(self) -> tuple[int, int]:
        return 1, 2

    @property
    def dot(self) -> tuple[int, int]:
        return 1, 1

    def drawn(self, image: Image.Image) -> Picture:
        return Picture(_half_blocks(image))


def draw_picture(request: PictureRequest, is_cancelled: Callable[[], bool] = lambda: False) -> Picture:
    """Decode and encode; a file that is no image gives its reason. Nobody looks at what comes of cancelled work."""
    canvas = request.canvas or HalfBlocks()
    try:
        image = _image(request, canvas)
        return Picture() if is_cancelled() else canvas.drawn(image)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on a broken file, which ends no app
        return Picture(problem=problem_of(error))


def problem_of(error: Exception) -> str:
    """Why an image is not seen, of what its decoder raised."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or a broken one"
    if isinstance(error, FileNotFoundError):
        return "the file is gone"
    return f"cannot be read: {str(error) or type(error).__name__}"


def _image(request: PictureRequest, canvas: Canvas) -> Image.Image:
    """The image in the pixels that there are cells for, so many a cell."""
    room = request.columns * canvas.unit[0], request.lines * canvas.unit[1]
    image = _decode(request.path, _box_of(request, room))
    if request.placement and request.cut:
        return _fitted(as_trained(image, request.placement, flip=request.flip), room)
    if request.placement:
        image = _with_crop(image, request.placement, canvas.dot)
    return ImageOps.mirror(image) if request.flip else image


def as_trained(image: Image.Image, placement: Placement, *, flip: bool) -> Image.Image:
    """What trains of a whole image drawn in any size: its crop, mirrored with `flip`."""
    only = image.crop(crop_within(image.size, placement))
    return ImageOps.mirror(only) if flip else only


def _decode(path: Path, box: tuple[int, int]) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images; the limit is our own
        with open_picture(path) as file, Image.open(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} is too large")
            image.draft("RGB", (box[0] * 2, box[1] * 2))  # JPEG decodes small at once
            flat: Image.Image = flattened(image)
    return _fitted(flat, box)


def _fitted(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """As large as the box allows; a strip that would be thinner than a pixel is one pixel wide."""
    scale = min(box[0] / image.width, box[1] / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR)


def _box_of(request: PictureRequest, room: tuple[int, int]) -> tuple[int, int]:
    """Pixels to decode into: more than there is room for where only a part of them is kept."""
    columns, rows = room
    placement = request.placement
    if placement is None or not request.cut:
        return columns, rows
    beyond = beyond_crop(placement)
    return round(columns * beyond), round(rows * beyond)


def _with_crop(image: Image.Image, placement: Placement, dot: tuple[int, int]) -> Image.Image:
    box = crop_within(image.size, placement)
    dark = image.point([value // 3 for value in range(256)] * 3)
    dark.paste(image.crop(box), box)
    _dashed(ImageDraw.Draw(dark), box, dot)
    return dark


def _dashed(draw: ImageDraw.ImageDraw, box: Box, dot: tuple[int, int]) -> None:
    """A line along the inside of a box, two dots white and two black, on the places where there are dots."""
    wide, high = dot
    left, top = box[0] // wide, box[1] // high
    right, bottom = max(left, -(-box[2] // wide) - 1), max(top, -(-box[3] // high) - 1)
    edge = [(x, y) for x in range(left, right + 1) for y in (top, bottom)]
    edge += [(x, y) for y in range(top, bottom + 1) for x in (left, right)]
    for x, y in edge:
        place = (x * wide, y * high, (x + 1) * wide - 1, (y + 1) * high - 1)
        draw.rectangle(place, "white" if (x + y) // 2 % 2 else "black")


def _half_blocks(image: Image.Image) -> tuple[Strip, ...]:
    if image.height % 2:
        image = image.crop((0, 0, image.width, image.height + 1))  # black below
    pixels = image.tobytes()
    stride = image.width * 3
    return tuple(
        _strip(pixels[top : top + stride], pixels[top + stride : top + 2 * stride])
        for top in range(0, len(pixels), 2 * stride)
    )


def _strip(upper: bytes, lower: bytes) -> Strip:
    """One line of cells; neighbours of one colour become one segment, which is what flat images are made of."""
    segments: list[Segment] = []
    run, last = 0, b""
    for at in range(0, len(upper), 3):
        cell = upper[at : at + 3] + lower[at : at + 3]
        if cell != last and run:
            segments.append(_segment(last, run))
            run = 0
        last, run = cell, run + 1
    segments.append(_segment(last, run))
    return Strip(segments, len(upper) // 3)


def _segment(cell: bytes, run: int) -> Segment:
    style = Style(color=Color.from_rgb(*cell[:3]), bgcolor=Color.from_rgb(*cell[3:]))
    return Segment(_UPPER_HALF * run, style)
