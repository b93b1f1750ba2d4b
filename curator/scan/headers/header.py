"""A file's header: format and size after the EXIF turn, or why the file cannot be used.

Pixels are decoded only where the end of the file leaves doubt whether it is whole.
"""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from curator.contract.files.picture_file import open_picture
from curator.contract.files.picture_limits import MAX_PIXELS, MAX_PNG_TEXT_BYTES, MAX_PNG_TEXTS_BYTES

_TAIL = 65536
_ORIENTATION = 0x0112
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "AVIF")
_TOO_MUCH_TEXT = f"its colour profile or its texts have more than {MAX_PNG_TEXT_BYTES >> 20} MB"
_NAMES = {"MPO": "jpeg"}

# Pillow refuses twice this number and warns above it; the warning would land on the app's screen.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PNG_TEXT_BYTES
PngImagePlugin.MAX_TEXT_MEMORY = MAX_PNG_TEXTS_BYTES
warnings.simplefilter("ignore", Image.DecompressionBombWarning)


class Unreadable(Exception):  # noqa: N818 - a fact about the file, told as its reason
    """Why a file cannot be used."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself; sides as the image is meant to be looked at."""

    width: int
    height: int
    format: str


def read_header(path: str) -> Header:
    """The header of an image file, whatever its name ends in; `Unreadable` when it is none, broken or too large."""
    try:
        with open_picture(path) as file:
            return header_of(file)
    except FileNotFoundError as error:
        raise Unreadable("the file is gone") from error
    except OSError as error:
        raise Unreadable(error.strerror or _sentence(error)) from error


def header_of(file: BinaryIO) -> Header:
    """The same of an open file."""
    try:
        return _read(file)
    except Unreadable:
        raise
    except UnidentifiedImageError as error:
        raise Unreadable("not an image of a known format") from error
    except Image.DecompressionBombError as error:
        raise Unreadable(f"more than {MAX_PIXELS // 1_000_000} million pixels") from error
    except OSError as error:
        raise Unreadable(error.strerror or _sentence(error)) from error
    except Exception as error:
        raise Unreadable(_TOO_MUCH_TEXT if "MAX_TEXT" in str(error) else _sentence(error)) from error


def _read(file: BinaryIO) -> Header:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size == 0:
        raise Unreadable("the file is empty")
    with Image.open(file, formats=_FORMATS) as image:
        kind = image.format or ""
        width, height = image.size
        if width < 1 or height < 1:
            raise Unreadable("the image has no pixels")
        if width * height > MAX_PIXELS:
            raise Unreadable(f"more than {MAX_PIXELS // 1_000_000} million pixels")
        whole, late_exif = _look_at_end(file, kind, size)
        place = file.tell()
        turn = image.getexif() if late_exif else Image.Image.getexif(image)
        if turn.get(_ORIENTATION) in (5, 6, 7, 8):
            width, height = height, width
        if not whole:
            file.seek(place)
            image.load()  # raises when pixels are missing
        return Header(width, height, _NAMES.get(kind, kind.lower()))


def _look_at_end(file: BinaryIO, kind: str, size: int) -> tuple[bool, bool]:
    """(surely whole, has EXIF behind the pixels); puts the file back where it was."""
    place = file.tell()
    try:
        if kind == "PNG":
            return _png_chunks(file, size)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        if kind in ("JPEG", "MPO"):  # bytes may follow the end mark (motion photos), so it is looked for
            return b"\xff\xd9" in tail, False
        if kind == "GIF":
            return tail.rstrip(b"\0").endswith(b";"), False
        if kind == "WEBP":
            file.seek(4)
            return struct.unpack("<I", file.read(4))[0] + 8 <= size, False
        return False, False
    finally:
        file.seek(place)


def _png_chunks(file: BinaryIO, size: int) -> tuple[bool, bool]:
    """Pillow would decode all pixels to find an eXIf chunk behind them; names and lengths are enough."""
    at, pixels, late_exif = 8, False, False
    while at + 12 <= size:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        if name == b"IEND":
            return True, late_exif
        pixels = pixels or name == b"IDAT"
        late_exif = late_exif or (pixels and name in (b"eXIf", b"iTXt"))
        at += 12 + length
    return False, late_exif


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
