"""Bytes of a cache's entries: a head that says the number types and shapes of some tensors, then their numbers."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

Numbers = Literal["float32", "float16", "bfloat16"]
_CODES: dict[Numbers, int] = {"float32": 1, "float16": 2, "bfloat16": 3}
_NUMBERS: dict[int, Numbers] = {code: numbers for numbers, code in _CODES.items()}
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_COUNT, _PART = struct.Struct("<B3x"), struct.Struct("<BB2x4I")  # number type, dimensions, shape
_MOST_PARTS, _MOST_DIMENSIONS, _ALIGNED = 8, 4, 16


class Part(NamedTuple):
    """One tensor of an entry: where its numbers begin in the entry's bytes, which lie in rows as in C."""

    numbers: Numbers
    shape: tuple[int, ...]
    offset: int

    @property
    def numbers_in_all(self) -> int:
        return math.prod(self.shape)

    @property
    def end(self) -> int:
        return self.offset + self.numbers_in_all * _BYTES[self.numbers]


def laid_out(tensors: Sequence[tuple[Numbers, Sequence[int]]]) -> tuple[bytes, list[Part]]:
    """The head of an entry of such tensors, and where each lies."""
    head = [_COUNT.pack(len(tensors))]
    parts: list[Part] = []
    at = _COUNT.size + _PART.size * len(tensors)
    for numbers, shape in tensors:
        head.append(_PART.pack(_CODES[numbers], len(shape), *shape, *[0] * (_MOST_DIMENSIONS - len(shape))))
        parts.append(Part(numbers, tuple(shape), at + -at % _ALIGNED))
        at = parts[-1].end
    return b"".join(head), parts


def parts_of(data: bytes | memoryview) -> tuple[Part, ...]:
    """The tensors of an entry.

    Raises:
        ValueError: it is none.
    """
    count = data[0] if data else 0
    parts = _parts_told(bytes(data[: _COUNT.size + _PART.size * count])) if count <= _MOST_PARTS else ()
    if not parts or parts[-1].end > len(data):
        raise ValueError("no entry")
    return parts


@lru_cache(maxsize=1024)
def _parts_told(head: bytes) -> tuple[Part, ...]:
    """The tensors that a head tells of, which is the same for all images of a bucket; a `ValueError` if it is none."""
    try:
        (count,) = _COUNT.unpack_from(head)
        parts: list[Part] = []
        at = _COUNT.size + _PART.size * count
        for number in range(count):
            code, dimensions, *sides = _PART.unpack_from(head, _COUNT.size + _PART.size * number)
            parts.append(Part(_NUMBERS[code], tuple(sides[:dimensions]), at + -at % _ALIGNED))
            at = parts[-1].end
    except (struct.error, KeyError) as error:
        raise ValueError("no entry") from error
    return tuple(parts)
