"""The crop of a scaled image, and SDXL's numbers for it.

A random cut is drawn by key from (seed, sample), so a preview, a resume and any number of GPUs cut alike. "center"
and "face" were decided at the freeze and stand in the placement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.keyed import Purpose, below

if TYPE_CHECKING:
    from curator.contract.buckets import Box, CropInputs, CropMode, Placement, Size
    from curator.contract.epoch_plan import Sample

Corner = tuple[int, int]  # left, top


def is_fixed(placement: Placement, mode: CropMode) -> bool:
    """Whether every showing of the image is cut alike: also where a random cut has no room to move."""
    return mode != "random" or placement.resized == placement.bucket


def crop_of(placement: Placement, mode: CropMode, seed: int, sample: Sample) -> Box:
    """The box that is cut from the scaled image, in its pixels, before any mirroring; every place is as likely."""
    if is_fixed(placement, mode):
        return placement.crop
    (width, height), (wide, high) = placement.resized, placement.bucket
    left = below(width - wide + 1, seed, *sample, Purpose.CROP, 0)
    top = below(height - high + 1, seed, *sample, Purpose.CROP, 1)
    return left, top, left + wide, top + high


def crop_within(size: Size, placement: Placement) -> Box:
    """The crop in pixels of the whole image drawn in `size`, at least one each way and none beyond the edge."""
    across, down = size[0] / placement.resized[0], size[1] / placement.resized[1]
    left, top, right, bottom = placement.crop
    x, y = min(size[0] - 1, round(left * across)), min(size[1] - 1, round(top * down))
    return x, y, max(x + 1, round(right * across)), max(y + 1, round(bottom * down))


def beyond_crop(placement: Placement) -> float:
    """How many times as long as its crop an image is, by the side that loses more."""
    return max(placement.resized[0] / placement.bucket[0], placement.resized[1] / placement.bucket[1])


def corner_told(size: Size, placement: Placement, crop: Box, how: CropInputs, *, flip: bool) -> Corner:
    """Left and top that SDXL is told of an image of `size` cut at `crop`.

    "true": where it was cut; in a mirrored image the cut's right side is the left one. "letterbox": the offset of
    the whole image fitted inside the bucket, wherever it was cut, as sd-scripts tells it.
    """
    if how == "letterbox":
        return _letterbox(size, placement.bucket, flip)
    left, top, right, _ = crop
    return (placement.resized[0] - right if flip else left), top


def _letterbox(size: Size, bucket: Size, flip: bool) -> Corner:
    """With sd-scripts' own arithmetic: sides are no whole numbers, offsets are rounded down."""
    ratio = size[0] / size[1]
    wide, high = bucket
    is_taller = wide / high > ratio
    fitted = (high * ratio, float(high)) if is_taller else (float(wide), wide / ratio)
    left, top = (wide - fitted[0]) // 2, (high - fitted[1]) // 2
    return int(wide - (left + fitted[0]) if flip else left), int(top)
