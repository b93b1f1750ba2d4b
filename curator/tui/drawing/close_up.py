"""A part of an image, larger: up to a pixel drawn for each of its own, with its crop outlined and its mask."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageOps

from curator.contract.files.picture_file import open_picture
from curator.contract.flatten import deep_grey, flattened, is_deep, opacity, upright
from curator.tui.drawing.picture_request import CloseUp, Picture, PictureRequest
from curator.tui.drawing.pictures import MAX_PIXELS, HalfBlocks, _dashed, problem_of

if TYPE_CHECKING:
    from curator.contract.buckets import Box, Placement

_MOST_KEPT_PIXELS = 24_000_000  # of the image that is panned over: 72 MB
_COUNTS = 128  # from this grey on, a place of a mask is said to count
_WHOLE = CloseUp(0.5, 0.5, 1)
_LEFT_OUT = (208, 64, 72)


def draw_close_up(request: PictureRequest) -> Picture:
    """Decode and encode the part that `request` asks for; a file that is no image gives its reason."""
    try:
        canvas = request.canvas or HalfBlocks()
        room = request.columns * canvas.unit[0], request.lines * canvas.unit[1]
        whole = _whole(request.path, _changed_at(request.path))
        box = part_shown(whole.size, room, request.close_up or _WHOLE, canvas.dot[0])
        image = _enlarged(whole, box, room)
        if request.placement:
            _outline(image, _crop_on(whole.size, request.placement, box, image.size), canvas.dot)
        if request.mask and (mask := _mask_of(request.mask, is_beside=request.mask != request.path)):
            _lay_over(image, _enlarged(mask.resize(whole.size), box, room))
        if request.flip:
            image = ImageOps.mirror(image)
        width, height = whole.size
        part = box[0] / width, box[1] / height, box[2] / width, box[3] / height
        return canvas.drawn(image)._replace(part=part)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on a broken file, which ends no app
        return Picture(problem=problem_of(error))


def forget() -> None:
    """Give back the image that was panned over."""
    _kept.cache_clear()


def part_shown(size: tuple[int, int], room: tuple[int, int], close_up: CloseUp, dot: int = 1) -> Box:
    """The part of an image of `size` that is to fill `room`, both in pixels, around the middle asked for.

    One of the image's own pixels is at least `dot` wide, so that it is seen.
    """
    fit = min(room[0] / size[0], room[1] / size[1])
    scale = max(fit, fit * close_up.times if close_up.times else float(dot))
    edges: list[int] = []
    for length, space, middle in zip(size, room, (close_up.x, close_up.y), strict=True):
        seen = min(length, max(1, round(space / scale)))
        first = round(min(max(0.0, middle * length - seen / 2), length - seen))
        edges += [first, first + seen]
    left, right, top, bottom = edges
    return left, top, right, bottom


def _enlarged(image: Image.Image, box: Box, room: tuple[int, int]) -> Image.Image:
    wide, high = box[2] - box[0], box[3] - box[1]
    scale = min(room[0] / wide, room[1] / high)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BILINEAR
    return image.resize(size, how, box=box)


def _whole(path: Path, changed_at: int) -> Image.Image:
    """An image in all its pixels; one that is not very large is kept while it is panned over."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large images; the limit is our own
        with open_picture(path) as file, Image.open(file) as opened:
            if opened.width * opened.height <= _MOST_KEPT_PIXELS:
                return _kept(path, changed_at)
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(f"{opened.width}x{opened.height} is too large")
            flat: Image.Image = flattened(opened)
    return flat


@lru_cache(1)
def _kept(path: Path, changed_at: int) -> Image.Image:  # noqa: ARG001 - a file that changed is another
    with open_picture(path) as file, Image.open(file) as opened:
        flat: Image.Image = flattened(opened)
    return flat


def _changed_at(path: Path) -> int:
    """When a file was changed; 0 in a tar, which is never changed."""
    try:
        return path.stat().st_mtime_ns
    except NotADirectoryError:
        return 0


def _crop_on(whole: tuple[int, int], placement: Placement, part: Box, size: tuple[int, int]) -> Box:
    """The crop of an image, in pixels of a part of it drawn in `size`; it may lie beyond."""
    scale_x, scale_y = size[0] / (part[2] - part[0]), size[1] / (part[3] - part[1])
    across, down = whole[0] / placement.resized[0], whole[1] / placement.resized[1]
    left, top, right, bottom = placement.crop
    return (
        round((left * across - part[0]) * scale_x),
        round((top * down - part[1]) * scale_y),
        round((right * across - part[0]) * scale_x),
        round((bottom * down - part[1]) * scale_y),
    )


def _outline(image: Image.Image, box: Box, dot: tuple[int, int]) -> None:
    """Darken what is cut away, and draw the crop's edges where they are seen."""
    inside = max(0, box[0]), max(0, box[1]), min(image.width, box[2]), min(image.height, box[3])
    dark = image.point([value // 3 for value in range(256)] * 3)
    if inside[0] < inside[2] and inside[1] < inside[3]:
        dark.paste(image.crop(inside), inside)
    _dashed(ImageDraw.Draw(dark), box, dot)
    image.paste(dark)


def _mask_of(path: Path, *, is_beside: bool) -> Image.Image | None:
    """What counts of an image, from black to white: by the mask file beside it, else by how opaque it is itself."""
    with open_picture(path) as file, Image.open(file) as opened:
        turned = upright(opened)
        if not is_beside:
            return opacity(turned)
        grey: Image.Image = deep_grey(turned) if is_deep(turned) else turned.convert("RGB").getchannel(0)
    return grey


def _lay_over(image: Image.Image, mask: Image.Image) -> None:
    """Draw what a mask leaves out dark red and hatched, so that it is told without colour too."""
    left_out = mask.point([255 if value < _COUNTS else 0 for value in range(256)])
    stained = Image.blend(image, Image.new("RGB", image.size, _LEFT_OUT), 0.45).point(
        [value * 2 // 3 for value in range(256)] * 3
    )
    draw = ImageDraw.Draw(stained)
    for first in range(-image.height, image.width, 6):
        draw.line((first, image.height, first + image.height, 0), _LEFT_OUT)
    image.paste(stained, mask=left_out)
