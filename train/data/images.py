"""Decides how the bytes of a picture file become the pixels that are trained on.

EXIF turn first; transparency onto white; CMYK, palette and 16-bit to RGB; area averaging when shrinking, Lanczos
when enlarging; then the manifest's crop (rows S043, S036). Bytes that differ from the manifest's sha256 are
a user's mistake that stops the run; bytes that agree but cannot be decoded are a bad picture.
"""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from curator.contract.buckets import Placement
from curator.contract.errors import UserError
from curator.contract.text import visible

_DECODE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    MemoryError,
)


# What the curator indexes can be trained: Pillow refuses above twice this, and warns above it.
Image.MAX_IMAGE_PIXELS = 150_000_000


class BadPictureError(Exception):
    """The file is what the manifest says, and no picture can be made of it."""


@dataclass(frozen=True)
class PictureFile:
    """Where a picture is, and what its bytes must be."""

    path: Path
    sha256: str
    placement: Placement


def read_pixels(file: PictureFile, flip: bool) -> Tensor:
    """uint8 [3, h, w] of the bucket's size.

    Raises:
        UserError: the file is gone, or is another than was frozen.
        BadPictureError: it cannot be decoded.
    """
    data = _read_bytes(file)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            picture = place_picture(to_rgb(opened), file.placement)
    except _DECODE_ERRORS as error:
        raise BadPictureError(visible(str(error) or type(error).__name__)) from error
    if flip:
        picture = ImageOps.mirror(picture)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


def _read_bytes(file: PictureFile) -> bytes:
    shown = visible(str(file.path))
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}", "restore it, or freeze again") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise UserError(f"{shown} has changed since the freeze", "restore it, or freeze again")
    return data


def to_rgb(opened: Image.Image) -> Image.Image:
    """The first frame, turned upright, as 8-bit RGB on white."""
    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith(("I", "F")):
        return _from_deep_grey(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def _from_deep_grey(picture: Image.Image) -> Image.Image:
    """16- and 32-bit grey: Pillow's own conversion clips at 255 instead of scaling."""
    values = np.asarray(picture).astype(np.float64)
    top = 255.0 if values.max(initial=0) <= 255 else 65535.0
    grey = np.clip(values * (255.0 / top) + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def place_picture(picture: Image.Image, placement: Placement) -> Image.Image:
    """Scale and cut as the manifest says."""
    width, height = placement.resized
    shrinking = width < picture.width or height < picture.height
    if (width, height) != picture.size:
        picture = picture.resize(
            (width, height), Image.Resampling.BOX if shrinking else Image.Resampling.LANCZOS
        )
    return picture.crop(placement.crop)


def to_model_range(pixels: Tensor) -> Tensor:
    """uint8 0..255 to float32 -1..1."""
    return pixels.float() / 127.5 - 1.0
