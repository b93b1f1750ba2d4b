from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.buckets import LONGEST_SIDE, BucketRule, advice_on, bucket_list, checked, place
from curator.contract.errors import UserError

sides = st.integers(1, 6000)
sizes = st.tuples(sides, sides)
rules = st.builds(
    lambda side, low, high, step, upscale: BucketRule(side, side, low, high, step, upscale),
    st.sampled_from([512, 768, 1024]),
    st.sampled_from([256, 320, 512]),
    st.sampled_from([1024, 1536, 2048]),
    st.sampled_from([32, 64]),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("resolution", "low", "high", "step", "count"),
    [
        (512, 256, 1024, 64, 17),
        (1024, 256, 2048, 64, 41),
        (1024, 256, 4096, 64, 97),
        (768, 320, 1536, 32, 53),
    ],
)
def test_bucket_counts_of_sd_scripts(resolution: int, low: int, high: int, step: int, count: int) -> None:
    """S036: the lists sd-scripts makes for these settings have these lengths."""
    assert len(bucket_list(BucketRule(resolution, resolution, low, high, step))) == count


def test_a_higher_least_side_excludes_long_buckets() -> None:
    """S036: min 384 excludes 256x1024 and 320x768."""
    buckets = bucket_list(BucketRule(512, 512, 384, 1024, 64))
    assert (256, 1024) not in buckets
    assert (320, 768) not in buckets
    assert (512, 512) in buckets


@given(rules)
def test_every_bucket_obeys_the_rule(rule: BucketRule) -> None:
    """S036: against brute force over all sides."""
    step = rule.step
    sides = range(rule.min_side, rule.max_side + 1, step)
    tallest = {w: max((h for h in sides if w * h <= rule.area), default=0) for w in sides}
    oracle = {(w, h) for w, h in tallest.items() if h} | {(h, w) for w, h in tallest.items() if h}
    assert set(bucket_list(rule)) == oracle | {(rule.width // step * step,) * 2}
    assert list(bucket_list(rule)) == sorted(bucket_list(rule))


@given(sizes, rules)
def test_a_placement_covers_its_bucket(size: tuple[int, int], rule: BucketRule) -> None:
    placed = place(size, rule)
    left, top, right, bottom = placed.crop
    assert (right - left, bottom - top) == placed.bucket
    assert left >= 0
    assert top >= 0
    assert right <= placed.resized[0]
    assert bottom <= placed.resized[1]
    assert placed.bucket[0] % rule.step == placed.bucket[1] % rule.step == 0
    assert abs(left - (placed.resized[0] - right)) <= 1  # centred


@given(sizes, rules)
def test_the_nearest_ratio_wins(size: tuple[int, int], rule: BucketRule) -> None:
    """S036: nearest in w/h, linear; ties go to the first in order."""
    if not rule.upscale or size in bucket_list(rule):
        return
    off = [abs(w / h - size[0] / size[1]) for w, h in bucket_list(rule)]
    assert place(size, rule).bucket == bucket_list(rule)[off.index(min(off))]


@pytest.mark.parametrize(
    ("size", "upscale", "bucket", "resized"),
    [
        ((1920, 1080), True, (1344, 768), (1365, 768)),
        ((1024, 1024), True, (1024, 1024), (1024, 1024)),
        ((100, 100), True, (1024, 1024), (1024, 1024)),
        ((832, 1216), True, (832, 1216), (832, 1216)),
        ((500, 700), False, (448, 640), (500, 700)),
        ((3000, 2000), False, (1216, 832), (1248, 832)),
    ],
)
def test_placements_of_sd_scripts(
    size: tuple[int, int], upscale: bool, bucket: tuple[int, int], resized: tuple[int, int]
) -> None:
    placed = place(size, BucketRule(1024, 1024, 256, 2048, 64, upscale))
    assert (placed.bucket, placed.resized) == (bucket, resized)


@given(sizes)
def test_without_upscale_nothing_is_enlarged_unless_it_is_smaller_than_a_step(size: tuple[int, int]) -> None:
    placed = place(size, BucketRule(512, 512, 256, 1024, 64, upscale=False))
    assert max(placed.bucket) <= 1024
    if min(size) >= 64 and size[0] * size[1] <= 512 * 512:
        assert placed.resized == size


@pytest.mark.parametrize("size", [(30, 20000), (20000, 30), (1, 1), (63, 64), (1, 20000)])
def test_sizes_on_which_sd_scripts_divides_by_zero(size: tuple[int, int]) -> None:
    placed = place(size, BucketRule(512, 512, upscale=False))
    assert min(placed.bucket) >= 64
    assert max(placed.bucket) <= 1024


@pytest.mark.parametrize(
    "values",
    [
        (0, 512),
        (512, 512, 256, 1024, 63),
        (512, 512, -1),
        (LONGEST_SIDE + 1, 512),
        (512, 512, 256, 10**12),
        (512, 512, 256, 1024, 8 * 10**12),
    ],
)
def test_a_rule_without_sense_is_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(UserError):
        BucketRule(*values)


def test_the_largest_rule_is_listed() -> None:
    rule = checked(BucketRule(LONGEST_SIDE, LONGEST_SIDE, 8, LONGEST_SIDE, 8))
    assert bucket_list(rule)[-1] == (LONGEST_SIDE, LONGEST_SIDE)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((768, 1152, 256, 1024, 64), "resolution 768x1152 is above the longest side of a bucket, 1024"),
        ((1152, 768, 256, 1024, 64), "resolution 1152x768 is above the longest side"),
        ((512, 512, 256, 32, 64), "shortest side of a bucket is 256, the longest 32"),
        ((512, 512, 576, 1024, 64), "resolution 512x512 is below the shortest side of a bucket, 576"),
        ((512, 320, 384, 1024, 64), "resolution 512x320 is below the shortest side of a bucket, 384"),
    ],
)
def test_limits_that_contradict_are_refused(values: tuple[int, ...], told: str) -> None:
    """As sd-scripts asserts: min <= min(resolution), max >= max(resolution), each in whole steps."""
    with pytest.raises(UserError, match=told):
        checked(BucketRule(*values))


@pytest.mark.parametrize(
    "values",
    [(512, 512, 512, 512, 64), (512, 512, 570, 1024, 64), (1024, 1024, 256, 1000, 64), (64, 64, 64, 64, 64)],
)
def test_limits_in_whole_steps_are_taken(values: tuple[int, ...]) -> None:
    """sd-scripts rounds the shortest side down and the longest up before it compares them."""
    rule = BucketRule(*values)
    assert checked(rule) is rule


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((512, 512, 256, 1024, 64), []),
        ((768, 768, 256, 1024, 64), []),
        ((1024, 1024, 256, 1280, 64), []),
        ((1024, 1024, 256, 1024, 64), ["1280 or more is advised, not 1024"]),
        ((832, 768, 256, 1024, 64), ["1280 or more is advised"]),
        ((512, 512, 250, 1000, 64), ["sides begin at 192", "sides end at 1024"]),
        ((512, 512, 32, 512, 64), ["sides begin at 64"]),
        ((500, 500, 256, 1024, 64), ["a square is trained at 448x448"]),
    ],
)
def test_what_is_doubtful_is_advised_against(values: tuple[int, ...], told: list[str]) -> None:
    """S036: above 768x768 a longest side of 1280 or more is advised."""
    said = advice_on(BucketRule(*values))
    assert len(said) == len(told)
    assert all(part in each for part, each in zip(told, said, strict=True))
