"""Which part of an image is cut, and what SDXL is told of it (S039; kohya.md 2.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.buckets import BucketRule, Placement, place
from curator.contract.crops import corner_told, crop_of, crop_within, is_fixed
from curator.contract.epoch_plan import Sample

SDXL = BucketRule(1024, 1024, 256, 2048, 64)
sides = st.integers(64, 6000)
samples = st.builds(Sample, st.integers(0, 9), st.integers(0, 10**6), st.integers(0, 9))


@given(sides, sides, samples, st.integers(0, 2**63 - 1))
def test_a_random_cut_is_a_bucket_within_the_picture_and_keyed(width, height, sample, seed) -> None:
    placed = place((width, height), SDXL)
    left, top, right, bottom = box = crop_of(placed, "random", seed, sample)
    assert (right - left, bottom - top) == placed.bucket
    assert 0 <= left <= right <= placed.resized[0]
    assert 0 <= top <= bottom <= placed.resized[1]
    assert box == crop_of(placed, "random", seed, sample)
    assert crop_of(placed, "center", seed, sample) == crop_of(placed, "face", seed, sample) == placed.crop
    assert is_fixed(placed, "random") == (placed.resized == placed.bucket)


@given(sides, sides, st.integers(1, 6000), st.integers(1, 6000))
def test_a_crop_lies_within_a_drawing_of_any_size_and_takes_as_large_a_part_of_it(
    width, height, wide, high
) -> None:
    placed = place((width, height), SDXL)
    left, top, right, bottom = crop_within((wide, high), placed)
    assert 0 <= left < right <= wide
    assert 0 <= top < bottom <= high
    assert abs((right - left) / wide - placed.bucket[0] / placed.resized[0]) <= 1 / wide
    assert abs((bottom - top) / high - placed.bucket[1] / placed.resized[1]) <= 1 / high
    assert crop_within(placed.resized, placed) == placed.crop


def test_every_place_is_drawn_both_ends_included() -> None:
    placed = Placement((64, 64), (68, 66), (2, 1, 66, 65))
    boxes = [crop_of(placed, "random", 1, Sample(epoch, 0, 0))[:2] for epoch in range(3000)]
    assert {left for left, _ in boxes} == set(range(5))
    assert {top for _, top in boxes} == set(range(3))
    counts = {box: boxes.count(box) for box in set(boxes)}
    assert len(counts) == 15
    assert min(counts.values()) > 120
    assert max(counts.values()) < 290


def test_samples_are_cut_apart() -> None:
    """Another epoch, row, copy or seed draws another cut."""
    placed = Placement((64, 64), (4096, 4096), (2016, 2016, 2080, 2080))
    keys = [(1, Sample(0, 0, 0)), (1, Sample(1, 0, 0)), (1, Sample(0, 1, 0)), (1, Sample(0, 0, 1))]
    boxes = {crop_of(placed, "random", seed, sample) for seed, sample in [*keys, (2, Sample(0, 0, 0))]}
    assert len(boxes) == 5
    assert all(left != top for left, top, _, _ in boxes)


@pytest.mark.parametrize(
    ("size", "bucket", "plain", "mirrored"),
    [
        ((1024, 1024), (1024, 1024), (0, 0), (0, 0)),
        ((1920, 1080), (1344, 768), (0, 6), (0, 6)),
        ((1080, 1920), (768, 1344), (6, 0), (6, 0)),
        ((1000, 1500), (832, 1216), (10, 0), (11, 0)),
        ((1333, 999), (1152, 896), (0, 16), (0, 16)),
        ((701, 1400), (704, 1408), (0, 1), (0, 1)),
        ((400, 401), (1024, 1024), (1, 0), (1, 0)),
        ((33, 100), (100, 100), (33, 0), (34, 0)),
        ((100, 33), (100, 100), (0, 33), (0, 33)),
        ((667, 1000), (832, 1216), (10, 0), (10, 0)),
    ],
)
def test_letterbox_offsets_are_those_of_sd_scripts(size, bucket, plain, mirrored) -> None:
    """Wherever the image was cut; mirrored, left is the bucket's width less the right end."""
    placed = Placement(bucket, (bucket[0] + 8, bucket[1] + 4), (4, 2, bucket[0] + 4, bucket[1] + 2))
    for crop in (placed.crop, (0, 0, *bucket)):
        assert corner_told(size, placed, crop, "letterbox", flip=False) == plain
        assert corner_told(size, placed, crop, "letterbox", flip=True) == mirrored


def test_true_corners_are_mirrored_with_the_picture() -> None:
    placed = Placement((64, 64), (100, 70), (18, 3, 82, 67))
    for crop, plain, mirrored in (
        ((18, 3, 82, 67), (18, 3), (18, 3)),
        ((0, 6, 64, 70), (0, 6), (36, 6)),
        ((36, 0, 100, 64), (36, 0), (0, 0)),
    ):
        assert corner_told((200, 140), placed, crop, "true", flip=False) == plain
        assert corner_told((200, 140), placed, crop, "true", flip=True) == mirrored


def test_random_cuts_stay_where_they_are() -> None:
    """Runs that were begun go on with the same cuts."""
    placed = Placement((64, 64), (700, 900), (318, 418, 382, 482))
    assert crop_of(placed, "random", 7, Sample(1, 2, 3)) == (39, 399, 103, 463)
