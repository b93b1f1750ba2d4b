"""Pixels for a model: an image scaled and padded to the model's square, then laid out as its input wants numbers.

Decoding and scaling give 8-bit RGB and run in processes that know nothing of a model; what makes numbers of bytes
(channel order, range, mean, layout) is done for a whole batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curator.contract.flatten import flattened
from curator.contract.tagging.zoo import EDGES, Filter, Fit

Pixels = NDArray[np.uint8]  # [height, width, 3], RGB
_FILTERS: dict[Filter, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}


@dataclass(frozen=True)
class Framing:
    """How an image fills the model's square of `side` pixels.

    `pad` is the grey level of what is added, centred, the smaller half before the image; `EDGES` repeats its own.
    """

    side: int
    fit: Fit = "pad-then-resize"
    pad: int = 255
    filter: Filter = "bicubic"

    def __call__(self, picture: Image.Image) -> Pixels:
        """The image as 8-bit RGB of shape [side, side, 3]; transparent places are white, EXIF turns are made."""
        rgb = flattened(picture)
        match self.fit:
            case "pad-then-resize":
                made = self._resized(self._padded(rgb, max(rgb.size)), (self.side, self.side))
            case "resize-then-pad":
                scale = self.side / max(rgb.size)
                width, height = (max(1, round(length * scale)) for length in rgb.size)
                made = self._padded(self._resized(rgb, (width, height)), self.side)
            case "crop":
                scale = self.side / min(rgb.size)
                width, height = (max(self.side, round(length * scale)) for length in rgb.size)
                left, top = (width - self.side) // 2, (height - self.side) // 2
                made = self._resized(rgb, (width, height)).crop(
                    (left, top, left + self.side, top + self.side)
                )
            case "stretch":
                made = self._resized(rgb, (self.side, self.side))
        return np.asarray(made, np.uint8)

    def _resized(self, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        return picture if picture.size == size else picture.resize(size, _FILTERS[self.filter])

    def _padded(self, picture: Image.Image, side: int) -> Image.Image:
        width, height = picture.size
        if width == height == side:
            return picture
        left, top = (side - width) // 2, (side - height) // 2
        if self.pad != EDGES:
            square = Image.new("RGB", (side, side), (self.pad,) * 3)
            square.paste(picture, (left, top))
            return square
        edges = ((top, side - height - top), (left, side - width - left), (0, 0))
        return Image.fromarray(np.pad(np.asarray(picture), edges, mode="edge"))


@dataclass(frozen=True)
class Numbers:
    """How a batch of 8-bit RGB becomes a model's input: ((value / `divisor`) - mean) / std, by channel."""

    channels: Literal["RGB", "BGR"] = "RGB"
    divisor: float = 1.0
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    channels_first: bool = False

    def __call__(self, batch: Pixels, kind: Any = np.float32) -> NDArray[Any]:
        """[n, side, side, 3] of bytes as numbers of `kind`: of the same shape, or [n, 3, side, side]."""
        pixels = batch[..., ::-1] if self.channels == "BGR" else batch
        if self._keeps_bytes:
            numbers = pixels.astype(kind)
        else:
            mean, std = (np.asarray(each, np.float32) for each in (self.mean, self.std))
            numbers = ((pixels.astype(np.float32) / np.float32(self.divisor) - mean) / std).astype(
                kind, copy=False
            )
        return np.ascontiguousarray(numbers.transpose(0, 3, 1, 2) if self.channels_first else numbers)

    @property
    def _keeps_bytes(self) -> bool:
        return self.divisor == 1 and not any(self.mean) and self.std == (1.0, 1.0, 1.0)
