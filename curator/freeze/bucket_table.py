"""The bucket table of a collection: images and samples of an epoch in each bucket.

The counting is the epoch plan's (`contract.epoch_plan.Span`): a fraction of a repeat is rounded in each bucket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from curator.contract.epoch_plan import Span
from curator.placement.buckets import buckets_of

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule, Size

Loads = NDArray[np.int64]  # images by bucket


@dataclass(frozen=True)
class BucketTable:
    """All buckets in order, and the bucket of each image id (-1 where it was not asked for)."""

    sizes: tuple[Size, ...]
    of_image: NDArray[np.int32]

    def loads(self, ids: NDArray[np.uint32]) -> Loads:
        """How many of some images each bucket has."""
        return np.bincount(self.of_image[ids], minlength=len(self.sizes)).astype(np.int64)


def bucket_table(
    rule: BucketRule, ids: NDArray[np.uint32], width: NDArray[Any], height: NDArray[Any]
) -> BucketTable:
    """Place the images `ids`, given ascending; sizes by image id."""
    placed = buckets_of(width[ids], height[ids], rule)
    of_image = np.full(int(ids[-1]) + 1 if len(ids) else 0, -1, np.int32)
    of_image[ids] = placed.of_image
    return BucketTable(placed.sizes, of_image)


def samples_of(loads: Iterable[tuple[float, Loads]]) -> int:
    """The samples of an epoch, given images by their repeats; those with equal repeats are rounded together."""
    together: dict[float, Loads] = {}
    for repeats, load in loads:
        together[repeats] = together[repeats] + load if repeats in together else load
    return sum(
        Span(bucket, repeats, 0, rows).samples
        for repeats, load in together.items()
        for bucket, rows in enumerate(load.tolist())
        if rows
    )
