from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.contract.manifest.signs import (
    MOST,
    decode_numbers,
    encode_number,
    encode_numbers,
    encode_wide,
    sql_number,
)


@given(st.lists(st.integers(0, MOST)))
def test_what_is_written_is_read(given_numbers: list[int]) -> None:
    text = encode_numbers(given_numbers)
    assert decode_numbers(text) == given_numbers
    assert len(text) == len(given_numbers)
    text.encode()  # no surrogates
    assert not set(text) & set(map(chr, range(32)))


@given(st.integers(0, (1 << 40) - 1))
def test_wide_numbers(number: int) -> None:
    high, low = decode_numbers(encode_wide(number))
    assert high << 20 | low == number


def test_no_two_numbers_share_a_sign() -> None:
    assert len({encode_number(number) for number in range(0xD7F0, 0xD810)}) == 32
    with pytest.raises(ValueError):
        encode_number(MOST + 1)


@pytest.mark.parametrize("number", [0, 1, 95, 96, 55263, 55264, 57343, 70000, MOST])
def test_sqlite_reads_them(number: int) -> None:
    query = f"SELECT {sql_number('?1')}"
    assert sqlite3.connect(":memory:").execute(query, (encode_number(number),)).fetchone() == (number,)
