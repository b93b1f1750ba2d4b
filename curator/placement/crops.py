"""Scale and crop of many images at once: `contract.buckets.place` in numpy.

The arithmetic is that of `place`, operation by operation, so the answers are equal for every size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from curator.arrays import np
from curator.placement.buckets import _shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.contract.buckets import BucketRule

Numbers: TypeAlias = "NDArray[Any]"


class Scaled(NamedTuple):
    """How images are scaled, and where a centred crop of the bucket's size begins."""

    width: Numbers
    height: Numbers
    left: Numbers
    top: Numbers


def scaled(width: Numbers, height: Numbers, wide: Numbers, high: Numbers, rule: BucketRule) -> Scaled:
    """The scale of images of `width` x `height` that belong to buckets of `wide` x `high` (`filter.buckets`)."""
    width, height = width.astype(np.int64), height.astype(np.int64)
    resized_width, resized_height = _cover(width, height, wide, high)
    if not rule.upscale:
        own = _without_upscale(width, height, rule)
        fits = (own[0] >= wide) & (own[1] >= high)  # a side shorter than a step is enlarged to one
        resized_width = np.where(fits, own[0], resized_width)
        resized_height = np.where(fits, own[1], resized_height)
    return Scaled(resized_width, resized_height, (resized_width - wide) // 2, (resized_height - high) // 2)


def _cover(width: Numbers, height: Numbers, wide: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    is_wider = width / height > wide / high
    scale = np.where(is_wider, high / height, wide / width)
    covered = (width * scale + 0.5).astype(np.int64), (height * scale + 0.5).astype(np.int64)
    return np.maximum(covered[0], wide), np.maximum(covered[1], high)


def _without_upscale(width: Numbers, height: Numbers, rule: BucketRule) -> tuple[Numbers, Numbers]:
    width, height = width.copy(), height.copy()
    large = np.flatnonzero(width * height > rule.area)
    width[large], height[large] = _shrunk(width[large] / height[large], rule)
    return width, height
