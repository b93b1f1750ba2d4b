"""Aspect-ratio buckets, and the placement of an image: its bucket, scale and crop.

The rules are those of kohya-ss/sd-scripts (`reference` rows S036, S037; kohya.md section 2.1), exactly, with
its two failures mended: sides shorter than a step no longer divide by zero, and a bucket list that
would be empty is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from curator.contract.errors import UserError

Size = tuple[int, int]  # width, height in pixels
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the resized image

# What is kept of an image longer than its bucket: the middle, a part drawn anew each time, or the part around the face
# that its file's name gives (`NAME_cx_cy_w_h`).
CropMode = Literal["center", "random", "face"]
CROP_MODES: tuple[CropMode, ...] = get_args(CropMode)

# How an image is scaled. "auto" is sd-scripts' rule: area where neither side grows, else Lanczos.
Resample = Literal["auto", "area", "lanczos", "bicubic", "bilinear", "nearest"]
RESAMPLES: tuple[Resample, ...] = get_args(Resample)

# What SDXL is told of a crop: where it was cut, or sd-scripts' letterbox offset of the whole image within its bucket.
CropInputs = Literal["true", "letterbox"]
CROP_INPUTS: tuple[CropInputs, ...] = get_args(CropInputs)

LONGEST_SIDE = 16_384  # pixels; four times what anybody trains at, and a list of buckets is made in no time
_LARGE, _ADVISED_LONGEST = 768 * 768, 1280  # above this area, at least this longest side (row S036)


@dataclass(frozen=True)
class BucketRule:
    """What sizes a training uses; all in pixels.

    `width` x `height` is the area every bucket stays within; sides go from `min_side` to `max_side` by
    `step`. Without `upscale` an image is never enlarged; its bucket is its own size cut to `step` and to
    the longest side. `resample` and `crop_inputs` do not change a bucket: they say how pixels are scaled
    to it, and what SDXL is told of the cut.
    """

    width: int = 512
    height: int = 512
    min_side: int = 256
    max_side: int = 1024
    step: int = 64
    upscale: bool = True
    resample: Resample = "auto"
    crop_inputs: CropInputs = "true"

    def __post_init__(self) -> None:
        if self.resample not in RESAMPLES:
            raise UserError(f"there is no resampling '{self.resample}'", f"choose of {', '.join(RESAMPLES)}")
        if self.crop_inputs not in CROP_INPUTS:
            raise UserError(f"crop inputs are '{self.crop_inputs}'", f"choose of {', '.join(CROP_INPUTS)}")
        sizes = (self.width, self.height, self.min_side, self.max_side, self.step)
        if min(sizes) < 1:
            raise UserError("a bucket size is zero or negative", "give resolution, min, max and step above 0")
        if max(sizes) > LONGEST_SIDE:
            raise UserError(
                f"a bucket size of {max(sizes)} pixels", f"sides have at most {LONGEST_SIDE} pixels"
            )
        if self.step % 8:
            raise UserError(f"bucket step {self.step} is no multiple of 8", "the VAE needs 8; 64 is usual")
        if not bucket_list(self):
            raise UserError(
                f"no bucket fits {self.width}x{self.height} between {self.min_side} and {self.max_side}",
                "lower the smallest side or raise the resolution",
            )

    @property
    def area(self) -> int:
        return self.width * self.height


def checked(rule: BucketRule) -> BucketRule:
    """`rule`, where its limits allow its own resolution, as sd-scripts asserts; for every rule that somebody chooses.

    One that is read from a collection or a manifest made before is taken as it is.

    Raises:
        UserError: the limits contradict each other or the resolution.
    """
    resolution = f"{rule.width}x{rule.height}"
    if rule.min_side > rule.max_side:
        raise UserError(
            f"the shortest side of a bucket is {rule.min_side}, the longest {rule.max_side}",
            "give a shortest side (min) that is not above the longest (max)",
        )
    if max(rule.width, rule.height) > _up(rule.max_side, rule.step):
        raise UserError(
            f"the resolution {resolution} is above the longest side of a bucket, {rule.max_side}",
            f"raise the longest side (max) to {max(rule.width, rule.height)} or more, or lower the resolution",
        )
    if min(rule.width, rule.height) < _down(rule.min_side, rule.step):
        raise UserError(
            f"the resolution {resolution} is below the shortest side of a bucket, {rule.min_side}",
            f"lower the shortest side (min) to {min(rule.width, rule.height)} or less, or raise the resolution",
        )
    return rule


def advice_on(rule: BucketRule) -> tuple[str, ...]:
    """What is allowed and probably not meant, in sentences without capital and full stop."""
    step, (low, high) = rule.step, (rule.min_side, rule.max_side)
    said: list[str] = []
    if low % step:
        shortest = _down(low, step) or step
        said.append(f"step {step} does not divide the shortest side {low}: sides begin at {shortest}")
    if high % step:
        said.append(f"step {step} does not divide the longest side {high}: sides end at {_up(high, step)}")
    if rule.width % step or rule.height % step:
        square = _down(math.isqrt(rule.area), step)
        said.append(
            f"step {step} does not divide {rule.width}x{rule.height}: a square is trained at {square}x{square}"
        )
    if rule.area > _LARGE and high < _ADVISED_LONGEST:
        said.append(
            f"above 768x768 a longest side (max) of {_ADVISED_LONGEST} or more is advised, not {high}"
        )
    return tuple(said)


class Placement(NamedTuple):
    """How one image is trained: scaled to `resized`, then cut to `crop`, which has the bucket's size."""

    bucket: Size
    resized: Size
    crop: Box


@lru_cache(maxsize=64)
def bucket_list(rule: BucketRule) -> tuple[Size, ...]:
    """All buckets of `rule` in ascending order: (512, 256..1024, 64) has 17, (1024, 256..4096, 64) has 97."""
    step = rule.step
    shortest = min(_down(rule.min_side, step), _down(min(rule.width, rule.height), step)) or step
    longest = _longest(rule)
    square = _down(math.isqrt(rule.area), step)
    sizes = {(square, square)} if square else set[Size]()
    for width in range(shortest, longest + 1, step):
        height = min(longest, _down(rule.area // width, step))
        if height >= shortest:
            sizes |= {(width, height), (height, width)}
    return tuple(sorted(sizes))


def place(size: Size, rule: BucketRule) -> Placement:
    """The bucket, scale and centred crop of an image of `size`."""
    bucket, resized = _assign(size, rule) if rule.upscale else _assign_without_upscale(size, rule)
    left, top = (resized[0] - bucket[0]) // 2, (resized[1] - bucket[1]) // 2
    return Placement(bucket, resized, (left, top, left + bucket[0], top + bucket[1]))


def face_in(path: str) -> Size | None:
    """The middle of the face in pixels, where a file's name says it: `NAME_cx_cy_w_h.png`, as sd-scripts reads it."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    name, *face = stem.rsplit("_", 4)
    if len(face) < 4 or not name or not all(each.isascii() and each.isdigit() for each in face):
        return None
    return int(face[0]), int(face[1])


def cropped_around(placement: Placement, size: Size, middle: Size) -> Placement:
    """`placement` of an image of `size`, cut around a point of it, as far as the image reaches."""
    corner: list[int] = []
    for at, whole, resized, cut in zip(middle, size, placement.resized, placement.bucket, strict=True):
        corner.append(max(0, min(resized - cut, (2 * at * resized + whole) // (2 * whole) - cut // 2)))
    left, top = corner
    wide, high = placement.bucket
    return Placement(placement.bucket, placement.resized, (left, top, left + wide, top + high))


def _assign(size: Size, rule: BucketRule) -> tuple[Size, Size]:
    buckets = bucket_list(rule)
    bucket = size if size in buckets else _nearest_ratio(size, buckets)
    return bucket, _cover(size, bucket)


def _nearest_ratio(size: Size, buckets: Sequence[Size]) -> Size:
    ratio = size[0] / size[1]  # the distance is linear in w/h, as in sd-scripts, not logarithmic
    return min(buckets, key=lambda b: abs(b[0] / b[1] - ratio))


def _cover(size: Size, bucket: Size) -> Size:
    """The smallest scaling of `size` that covers `bucket`."""
    is_wider = size[0] / size[1] > bucket[0] / bucket[1]
    scale = bucket[1] / size[1] if is_wider else bucket[0] / size[0]
    covered = int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)
    return max(covered[0], bucket[0]), max(covered[1], bucket[1])


def _assign_without_upscale(size: Size, rule: BucketRule) -> tuple[Size, Size]:
    step = rule.step
    resized = _shrunk_to_area(size, rule) if size[0] * size[1] > rule.area else size
    cap = _down(_longest(rule), step)  # sd-scripts has none: a long strip makes a bucket of 9984x64
    bucket = min(_down(resized[0], step), cap), min(_down(resized[1], step), cap)
    if min(bucket) >= step:
        return bucket, resized
    # A side shorter than one step (sd-scripts divides by zero or makes an empty bucket): enlarging to one step
    # is the only way to train it at all.
    bucket = max(bucket[0], step), max(bucket[1], step)
    return bucket, _cover(size, bucket)


def _shrunk_to_area(size: Size, rule: BucketRule) -> Size:
    ratio = size[0] / size[1]
    wide = math.sqrt(rule.area * ratio)
    tall = rule.area / wide
    by_width = max(_down(int(wide + 0.5), rule.step), rule.step)
    by_height = max(_down(int(tall + 0.5), rule.step), rule.step)
    height_of_width = max(_down(int(by_width / ratio + 0.5), rule.step), rule.step)
    width_of_height = max(_down(int(by_height * ratio + 0.5), rule.step), rule.step)
    off_by_width = abs(by_width / height_of_width - ratio)
    off_by_height = abs(width_of_height / by_height - ratio)
    if off_by_width < off_by_height:
        return by_width, int(by_width / ratio + 0.5)
    return int(by_height * ratio + 0.5), by_height


def _longest(rule: BucketRule) -> int:
    return max(_up(rule.max_side, rule.step), rule.width, rule.height)


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


def _down(value: int, step: int) -> int:
    return value - value % step


def rule_in_words(rule: BucketRule) -> str:
    """`512x512, sides 256 to 1024 by 64`, and what is out of the ordinary."""
    said = [
        f"{rule.width}x{rule.height}",
        f"sides {rule.min_side} to {rule.max_side} by {rule.step}",
        "" if rule.upscale else "without upscaling",
        "" if rule.resample == "auto" else f"scaled by {rule.resample}",
        "" if rule.crop_inputs == "true" else f"{rule.crop_inputs} crop inputs",
    ]
    return ", ".join(word for word in said if word)
