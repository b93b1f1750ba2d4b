"""The sizes of images of a class: in proportion to what training shows of each bucket (S046)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.errors import UserError
from curator.runs.programs.class_pictures import shared_sizes

WIDE, TALL, SQUARE = (640, 448), (448, 640), (512, 512)


def test_sizes_are_shared_by_the_largest_remainder() -> None:
    sizes = shared_sizes([(WIDE, 1), (TALL, 3), (SQUARE, 6)], 5)
    assert [sizes.count(each) for each in (WIDE, TALL, SQUARE)] == [1, 1, 3]
    assert shared_sizes([(WIDE, 7)], 3) == (WIDE,) * 3


@given(st.lists(st.integers(0, 500), min_size=1, max_size=12), st.integers(1, 300))
def test_every_share_is_within_one_of_its_proportion(samples: list[int], count: int) -> None:
    loads = [((64 * (place + 1), 64), each) for place, each in enumerate(samples)]
    if not sum(samples):
        with pytest.raises(UserError, match="which sizes"):
            shared_sizes(loads, count)
        return
    sizes = shared_sizes(loads, count)
    assert len(sizes) == count
    for size, each in loads:
        assert abs(sizes.count(size) - count * each / sum(samples)) < 1
