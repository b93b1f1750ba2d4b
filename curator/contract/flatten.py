"""Pixels of an image as they are trained: upright, on white, 8 bits a channel.

The one rule of the trainer, the preview and near-duplicates. Images are Pillow's and worked on by their own methods:
the contract itself needs no library. Of an animation the first frame counts, which is the one an opened file shows.
"""

from __future__ import annotations

from typing import Any

Picture = Any  # PIL.Image.Image
_ORIENTATION = 0x0112
_TURNS = {
    2: 0,
    3: 3,
    4: 1,
    5: 5,
    6: 4,
    7: 6,
    8: 2,
}  # of EXIF's orientations, as Pillow numbers its transpositions
_TURNED = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")  # what says the orientation


def flattened(picture: Picture) -> Picture:
    """An image as 8-bit RGB."""
    return on_white(upright(picture))


def upright(picture: Picture) -> Picture:
    """An image turned as its EXIF data says; the same one where they say nothing."""
    turn = _TURNS.get(picture.getexif().get(_ORIENTATION))
    if turn is None:
        return picture
    turned = picture.transpose(turn)
    for name in _TURNED:
        turned.info.pop(name, None)
    return turned


def on_white(picture: Picture) -> Picture:
    """An upright image as 8-bit RGB, white where nothing is seen of it."""
    whole = (0, 0, *picture.size)
    if is_deep(picture):
        grey, opaque = deep_grey(picture), opacity(picture)
        if opaque is not None:
            grey.paste(255, whole, opaque.point([255 - value for value in range(256)]))
        return grey.convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = _with_key_of_8_bits(picture).convert("RGBA")
    white = layer.copy()
    white.paste((255, 255, 255, 255), whole)
    white.alpha_composite(layer)
    return white.convert("RGB")


def opacity(picture: Picture) -> Picture | None:
    """How opaque an upright image is, 8-bit; None where all of it is."""
    if not picture.has_transparency_data:
        return None
    if not is_deep(picture):
        return _with_key_of_8_bits(picture).convert("RGBA").getchannel("A")
    clear = picture.info["transparency"]
    return picture.convert("I").point([0 if value == clear else 255 for value in range(65536)], "L")


def deep_grey(picture: Picture) -> Picture:
    """16- and 32-bit grey as 8-bit: Pillow's own conversion clips at 255 instead of scaling."""
    values = picture.convert("F")
    top = 255.0 if values.getextrema()[1] <= 255 else 65535.0
    return values.point(lambda value: value * (255.0 / top) + 0.5).convert("L")


def is_deep(picture: Picture) -> bool:
    """Whether an image is grey of more than 8 bits."""
    return picture.mode.startswith(("I", "F"))


def _with_key_of_8_bits(picture: Picture) -> Picture:
    """Of 16-bit colours Pillow keeps 8 bits, but the colour that is clear it gives with 16."""
    key = picture.info.get("transparency")
    if not isinstance(key, tuple) or max(key) <= 255:
        return picture
    keyed = picture.copy()
    keyed.info["transparency"] = tuple(value >> 8 for value in key)
    return keyed
