from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curator.contract.varint import count, pack, unpack


@given(st.lists(st.integers(0, 2**63)))
def test_what_is_packed_is_unpacked(numbers: list[int]) -> None:
    packed = pack(numbers)
    assert unpack(packed) == numbers
    assert count(packed) == len(numbers)


def test_small_numbers_take_one_byte() -> None:
    assert pack([0, 127, 128]) == b"\x00\x7f\x80\x01"
