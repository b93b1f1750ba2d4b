"""UNet conditioning: text embeddings, and for SDXL the size and crop numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.crops import corner_told

if TYPE_CHECKING:
    from curator.contract.buckets import Box, CropInputs, Placement, Size


@dataclass(frozen=True)
class Framing:
    """How an image was scaled and cut, in pixels: `original` is its own size, upright and before scaling;
    `corner` is the left and top that is told of the cut; `target` is the size that is trained."""

    original: Size
    corner: tuple[int, int]
    target: Size

    @property
    def numbers(self) -> tuple[int, ...]:
        """SDXL's six: original height and width, top and left, target height and width."""
        (width, height), (left, top), (wide, high) = self.original, self.corner, self.target
        return height, width, top, left, high, wide


def framing_of(
    original: Size, placement: Placement, crop: Box, crop_inputs: CropInputs, *, flip: bool
) -> Framing:
    """What SDXL is told of an image cut at `crop`, as the manifest's rule has it."""
    corner = corner_told(original, placement, crop, crop_inputs, flip=flip)
    return Framing(original, corner, placement.bucket)


def whole(size: Size) -> Framing:
    """An image that was never cut: what samples ask for."""
    return Framing(size, (0, 0), size)


@dataclass(frozen=True)
class Conditioning:
    """What n images are predicted from. `pooled` and `sizes` are SDXL's alone."""

    states: Tensor  # [n, tokens, width]
    pooled: Tensor | None = None  # [n, width]
    sizes: Tensor | None = None  # [n, 6], always float32: bf16 cannot hold 1333

    def part(self, rows: slice) -> Conditioning:
        """Of some of the images."""

        def some(part: Tensor | None) -> Tensor | None:
            return None if part is None else part[rows]

        return Conditioning(self.states[rows], some(self.pooled), some(self.sizes))

    def repeated(self, count: int) -> Conditioning:
        """The whole, `count` times over."""

        def more(part: Tensor | None) -> Tensor | None:
            return None if part is None else torch.cat([part] * count)

        return Conditioning(torch.cat([self.states] * count), more(self.pooled), more(self.sizes))
