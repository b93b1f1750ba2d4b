"""Buckets of millions of images at once: `contract.buckets.place` in numpy.

The arithmetic is that of `place`, operation by operation, so the answers are equal for every size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from curator.arrays import np
from curator.contract.buckets import BucketRule, Size, bucket_list, place

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PIECE = 1 << 16  # so many images stay in the processor's cache from step to step
_CELLS = 4096  # a unit of width / height has so many; the last of 16 units holds whatever is wider
_MIXED = -2
Numbers: TypeAlias = "NDArray[Any]"


class Placed(NamedTuple):
    """Buckets in ascending order, and the place of each image's among them; -1 for an image without a size."""

    sizes: tuple[Size, ...]
    of_image: NDArray[np.int32]


def buckets_of(width: Numbers, height: Numbers, rule: BucketRule) -> Placed:
    """The bucket of each image. `sizes` are all of the rule, with those that images have beside them."""
    of_image = np.empty(len(width), np.int32)
    if rule.upscale:
        sizes, placing = bucket_list(rule), _Nearest(rule)
        for piece in _pieces(len(width)):
            of_image[piece] = placing.of(width[piece], height[piece])
        return Placed(sizes, of_image)
    own = _Own(rule)
    for piece in _pieces(len(width)):
        of_image[piece] = own.of(width[piece], height[piece])
    present = np.flatnonzero(np.bincount(of_image, minlength=own.side**2)).tolist()
    found = {key: (key // own.side * rule.step, key % own.side * rule.step) for key in present if key}
    sizes = tuple(sorted({*bucket_list(rule), *found.values()}))
    numbers = np.full(own.side**2, -1, np.int32)
    numbers[list(found)] = [sizes.index(size) for size in found.values()]
    return Placed(sizes, numbers[of_image])


class _Nearest:
    """With upscaling the ratio decides: a table of ratios answers, and compares only where two buckets meet."""

    def __init__(self, rule: BucketRule) -> None:
        sizes = bucket_list(rule)
        first: dict[float, int] = {}  # of buckets of the same ratio the first counts
        for number, (wide, high) in enumerate(sizes):
            first.setdefault(wide / high, number)
        self._ratios = np.array(sorted(first), np.float64)
        self._numbers = np.array([first[ratio] for ratio in self._ratios.tolist()], np.int32)
        # An image of just the size of a later one belongs there.
        self._doubles = [(n, size) for n, size in enumerate(sizes) if first[size[0] / size[1]] != n]
        ends = self._compared(np.arange(16 * _CELLS + 1) / _CELLS)
        self._table = np.where(ends[1:] == ends[:-1], ends[:-1], _MIXED)
        self._table[-1] = _MIXED

    def of(self, width: Numbers, height: Numbers) -> Numbers:
        ratio = width / np.maximum(height, 1)
        cells = np.minimum(ratio * _CELLS, len(self._table) - 1).astype(np.int32)
        found = self._table[cells]
        mixed = np.flatnonzero(found == _MIXED)
        found[mixed] = self._compared(ratio[mixed])
        for number, size in self._doubles:
            found[(width == size[0]) & (height == size[1])] = number
        found[(width == 0) | (height == 0)] = -1
        return found

    def _compared(self, ratio: Numbers) -> Numbers:
        last = len(self._ratios) - 1
        above = np.minimum(np.searchsorted(self._ratios, ratio), last)
        below = np.maximum(above - 1, 0)
        up, down = self._numbers[above], self._numbers[below]
        far_up, far_down = np.abs(self._ratios[above] - ratio), np.abs(self._ratios[below] - ratio)
        nearest = np.where(far_up < far_down, up, down)
        return np.where(far_up == far_down, np.minimum(up, down), nearest)


class _Own:
    """Without upscaling: each image's own size in whole steps, as one number `wide * side + high`; 0 without a size.

    What is larger than the area is shrunk, and then the ratio alone decides: a table of ratios answers, and arithmetic
    does where a step between two buckets lies within a cell.
    """

    def __init__(self, rule: BucketRule) -> None:
        self._rule = rule
        self._longest = place((1, 1 << 40), rule).bucket[1] // rule.step  # the longest strip there could be
        self.side = self._longest + 1
        edges = np.arange(1, 16 * _CELLS + 1) / _CELLS
        shrunk = _shrinking(edges, rule)
        steps = self._in_steps(shrunk.width, shrunk.height)
        # Each of these only rises or only falls until another changes: equal at both edges, equal between them.
        is_same = np.ones(len(edges) - 1, bool)
        for each in (*shrunk[:5], steps):
            is_same &= each[1:] == each[:-1]
        self._table = np.full(16 * _CELLS + 1, _MIXED, np.int32)
        self._table[1:-1] = np.where(is_same, steps[:-1], _MIXED)

    def of(self, width: Numbers, height: Numbers) -> Numbers:
        wide, high = width.astype(np.int64), height.astype(np.int64)
        found = self._in_steps(wide, high)
        large = np.flatnonzero(wide * high > self._rule.area)
        ratio = wide[large] / high[large]
        shrunk = self._table[np.minimum(ratio * _CELLS, len(self._table) - 1).astype(np.int32)]
        mixed = np.flatnonzero(shrunk == _MIXED)
        shrunk[mixed] = self._in_steps(*_shrunk(ratio[mixed], self._rule))
        found[large] = shrunk
        return found * ((width > 0) & (height > 0))

    def _in_steps(self, wide: Numbers, high: Numbers) -> Numbers:
        wide, high = (np.clip(side // self._rule.step, 1, self._longest) for side in (wide, high))
        return (wide * self.side + high).astype(np.int32)


class _Shrinking(NamedTuple):
    """Whole numbers on the way to an image's size of about the rule's area: by width or by height."""

    by_width: Numbers
    by_height: Numbers
    height_of_width: Numbers  # in whole steps
    width_of_height: Numbers
    is_by_width: Numbers
    width: Numbers
    height: Numbers


def _shrunk(ratio: Numbers, rule: BucketRule) -> tuple[Numbers, Numbers]:
    """Sizes of about the rule's area."""
    found = _shrinking(ratio, rule)
    return found.width, found.height


def _shrinking(ratio: Numbers, rule: BucketRule) -> _Shrinking:
    """By width or by height, whichever keeps the ratio better."""
    wide = np.sqrt(rule.area * ratio)
    by_width, by_height = _cut(wide, rule.step), _cut(rule.area / wide, rule.step)
    height, width = by_width / ratio, by_height * ratio
    height_of_width, width_of_height = _cut(height, rule.step), _cut(width, rule.step)
    off_by_width = np.abs(by_width / height_of_width - ratio)
    off_by_height = np.abs(width_of_height / by_height - ratio)
    is_by_width = off_by_width < off_by_height
    return _Shrinking(
        by_width,
        by_height,
        height_of_width,
        width_of_height,
        is_by_width,
        np.where(is_by_width, by_width, _rounded(width)),
        np.where(is_by_width, _rounded(height), by_height),
    )


def _cut(values: Numbers, step: int) -> Numbers:
    """Rounded, then cut to steps, of which there is at least one."""
    return np.maximum(_rounded(values) // step, 1) * step


def _rounded(values: Numbers) -> Numbers:
    return (values + 0.5).astype(np.int64)


def _pieces(count: int) -> list[slice]:
    return [slice(at, at + _PIECE) for at in range(0, count, _PIECE)]
