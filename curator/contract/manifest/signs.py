"""Numbers written as text, one character a number, so that SQL and any language can read them.

Number n is the sign with code point n + 32, passing over the surrogates, which no text may hold; what is below 32, such
as a line break, can part numbers. SQLite reads a sign with `unicode(substr(text, place, 1))`, Python with `ord`. Larger
numbers are *wide*: two signs, the first for n // 2^20.
"""

from __future__ import annotations

from collections.abc import Iterable

FIRST = 32
SURROGATES = 0xD800
GAP = 0x800
MOST = 0x10FFFF - GAP - FIRST  # the largest number of one sign
WIDE_BITS = 20


def encode_number(number: int) -> str:
    """The sign of a number of 0 to `MOST`.

    Raises:
        ValueError: it has none.
    """
    return chr(number + FIRST if number + FIRST < SURROGATES else number + FIRST + GAP)


def encode_numbers(numbers: Iterable[int]) -> str:
    """One sign a number."""
    return "".join(map(encode_number, numbers))


def encode_wide(number: int) -> str:
    """Two signs, for numbers below 2^40."""
    return encode_number(number >> WIDE_BITS) + encode_number(number & ((1 << WIDE_BITS) - 1))


def decode_numbers(text: str) -> list[int]:
    """The inverse of `encode_numbers`."""
    return [code - FIRST if code < SURROGATES else code - FIRST - GAP for code in map(ord, text)]


def sql_number(sign: str) -> str:
    """The SQL expression that reads the number of a sign."""
    code = f"unicode({sign})"
    return f"({code} - iif({code} >= {SURROGATES}, {FIRST + GAP}, {FIRST}))"
