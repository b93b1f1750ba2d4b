"""The guard against images that broke down: no numbers, near black, or flat."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Collapse = Literal["", "NaN", "near black", "flat"]
_BLACK = 8 / 255  # a hundredth part of the pixels may be brighter
_FLAT = 2 / 255  # standard deviation of grey


def collapse_of(pixels: Tensor) -> Collapse:
    """How an image [3, h, w], in -1..1, broke down; "" where it did not."""
    if not bool(pixels.isfinite().all()):
        return "NaN"
    shown = (pixels.float().clamp(-1, 1) + 1) / 2
    if float((shown.amax(dim=0) > _BLACK).float().mean()) < 0.01:
        return "near black"
    return "flat" if float(shown.mean(dim=0).std()) < _FLAT else ""
