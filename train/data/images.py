"""Pixels and loss masks of image files, decoded and cropped for training.

Flattened first (`curator.contract.flatten`): upright, on white, 8-bit RGB; scaled as the manifest's rule says; then the
cut, and the mirror last (rows S043, S036). Bytes that differ from the manifest's sha256 are
a user's mistake that stops the run; bytes that agree but cannot be decoded are a bad image.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.files.picture_file import read_picture
from curator.contract.files.picture_limits import MAX_PIXELS, MAX_PNG_TEXT_BYTES, MAX_PNG_TEXTS_BYTES
from curator.contract.flatten import on_white, opacity, upright
from curator.contract.text import visible
from train.data.masks import layer_of, mask_file_of, to_latent_size

if TYPE_CHECKING:
    from curator.contract.buckets import Box, Placement, Resample, Size
    from curator.contract.manifest.header import MaskMode

T = TypeVar("T")
_RESTORE = "restore it, freeze again, or set survival.changed_images = 'skip'"
_DECODE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    MemoryError,
)
_FILTERS = {
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


# What the curator indexes can be trained.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PNG_TEXT_BYTES
PngImagePlugin.MAX_TEXT_MEMORY = MAX_PNG_TEXTS_BYTES


class ChangedPictureError(UserError):
    """The file is gone, or is another than was frozen."""


class BadPictureError(Exception):
    """The file is what the manifest says, and no image can be made of it."""


@dataclass(frozen=True)
class PictureFile:
    """Where an image is, what its bytes must be, how it is scaled, and where its mask comes from."""

    path: Path
    sha256: str
    placement: Placement
    resample: Resample = "auto"
    mask: MaskMode = "none"


class Cut(NamedTuple):
    """What is seen of a scaled image at one showing: a box of the bucket's size, then mirrored or not."""

    box: Box
    flip: bool


class LoadedSample(NamedTuple):
    """One showing of an image: `pixels` uint8 [3, h, w]; `mask` float32 0..1 [h/8, w/8], None: all of it counts."""

    pixels: Tensor
    mask: Tensor | None


def load_sample(file: PictureFile, cut: Cut) -> LoadedSample:
    """The image at `cut`, with its mask.

    Raises:
        ChangedPictureError: the file is gone, or is another than was frozen.
        BadPictureError: it, or its mask, cannot be decoded.
    """
    data = _read_bytes(file)
    picture, mask = _decoded(data, lambda opened: _layers(opened, file))
    if file.mask == "file":
        mask = _mask_beside(file)
    shown = None if mask is None else to_latent_size(_placed(mask, file, cut))
    pixels = torch.from_numpy(np.array(_placed(picture, file, cut)))
    return LoadedSample(pixels.permute(2, 0, 1).contiguous(), shown)


def _decoded(data: bytes, made: Callable[[Image.Image], T]) -> T:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return made(opened)
    except _DECODE_ERRORS as error:
        raise BadPictureError(visible(str(error) or type(error).__name__)) from error


def _layers(opened: Image.Image, file: PictureFile) -> tuple[Image.Image, Image.Image | None]:
    """The image, and its transparency where that is the mask."""
    turned = upright(opened)
    return on_white(turned), opacity(turned) if file.mask == "alpha" else None


def _mask_beside(file: PictureFile) -> Image.Image | None:
    path = mask_file_of(file.path)
    if path is None:
        return None
    try:
        return _decoded(read_picture(path), layer_of)
    except (OSError, BadPictureError) as error:
        raise BadPictureError(f"its mask {visible(path.name)} cannot be read: {error}") from error


def _read_bytes(file: PictureFile) -> bytes:
    shown = visible(str(file.path))
    try:
        data = read_picture(file.path)
    except OSError as error:
        raise ChangedPictureError(f"{shown} cannot be read: {error.strerror}", _RESTORE) from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ChangedPictureError(f"{shown} has changed since the freeze", _RESTORE)
    return data


def _placed(picture: Image.Image, file: PictureFile, cut: Cut) -> Image.Image:
    """Scaled, cut and mirrored: a mask goes exactly the image's way."""
    part = scaled(picture, file.placement.resized, file.resample).crop(cut.box)
    return ImageOps.mirror(part) if cut.flip else part


def scaled(picture: Image.Image, size: Size, resample: Resample) -> Image.Image:
    """`image` at `size`. "auto" is area averaging where no side grows, else Lanczos."""
    if size == picture.size:
        return picture
    if resample == "auto":
        grows = size[0] > picture.width or size[1] > picture.height
        resample = "lanczos" if grows else "area"
    return picture.resize(size, _FILTERS[resample])


def to_model_range(pixels: Tensor) -> Tensor:
    """uint8 0..255 to float32 -1..1."""
    return pixels.float() / 127.5 - 1.0
