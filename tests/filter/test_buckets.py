"""Buckets of many images at once: what the contract says of each alone (S036)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule, bucket_list, place
from curator.placement.buckets import buckets_of

RULES = [
    BucketRule(512, 512, 256, 1024, 64),
    BucketRule(1024, 1024, 256, 4096, 64),
    BucketRule(768, 512, 320, 1536, 32),
    BucketRule(64, 64, 64, 64, 64),
    BucketRule(512, 512, 64, 128, 64),  # longest sides capped by the resolution
    BucketRule(640, 640, 8, 2048, 8),
]
RULES += [BucketRule(r.width, r.height, r.min_side, r.max_side, r.step, upscale=False) for r in RULES]
side = st.one_of(st.integers(1, 3000), st.sampled_from([1, 63, 64, 255, 256, 512, 1024, 20000, 30000]))


@pytest.mark.parametrize("rule", RULES, ids=str)
@given(sizes=st.lists(st.tuples(side, side), min_size=1, max_size=40))
def test_equal_to_one_by_one(rule: BucketRule, sizes: list[tuple[int, int]]) -> None:
    """S036: with and without upscaling; sizes on and between buckets, thin ones, huge ones."""
    placed = buckets_of(np.array([w for w, _ in sizes]), np.array([h for _, h in sizes]), rule)
    assert [placed.sizes[k] for k in placed.of_image] == [place(size, rule).bucket for size in sizes]
    assert set(bucket_list(rule)) <= set(placed.sizes)
    assert list(placed.sizes) == sorted(placed.sizes)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_ratio_between_two_buckets(rule: BucketRule) -> None:
    """S036: sizes as near to the borders as whole pixels come, where a rounding would show."""
    sizes = list(bucket_list(rule))
    for (a, b), (c, d) in pairwise(bucket_list(rule)):
        middle = (a / b + c / d) / 2
        sizes += [(round(middle * h), h) for h in (997, 1000, 2048) if round(middle * h)]
    placed = buckets_of(np.array([w for w, _ in sizes]), np.array([h for _, h in sizes]), rule)
    assert [placed.sizes[k] for k in placed.of_image] == [place(size, rule).bucket for size in sizes]


@pytest.mark.parametrize("upscale", [True, False])
def test_what_has_no_size_has_no_bucket(upscale: bool) -> None:
    placed = buckets_of(np.array([0, 512, 0]), np.array([0, 512, 9]), BucketRule(upscale=upscale))
    assert placed.of_image.tolist()[::2] == [-1, -1]
    assert placed.sizes[placed.of_image[1]] == (512, 512)


def test_no_picture_at_all() -> None:
    assert len(buckets_of(np.array([]), np.array([]), BucketRule()).of_image) == 0


@pytest.mark.parametrize("rule", RULES[len(RULES) // 2 :], ids=str)
def test_every_step_without_upscaling(rule: BucketRule) -> None:
    """S036: widths a few pixels apart, so that every step from one own bucket to the next lies between two of them."""
    sizes = [(width, height) for height in (499, 1024, 2311) for width in range(40, 7000, 5)]
    sizes += [(height, width) for width, height in sizes]
    placed = buckets_of(np.array([w for w, _ in sizes]), np.array([h for _, h in sizes]), rule)
    assert [placed.sizes[k] for k in placed.of_image] == [place(size, rule).bucket for size in sizes]
