"""Decides how an image's tags are kept in its row: tag ids as LEB128 varints, in caption order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode(numbers: Iterable[int]) -> bytes:
    """Varints one after another; also used for positions in the journal."""
    out = bytearray()
    for number in numbers:
        rest = number
        while rest > 127:
            out.append(rest & 127 | 128)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def decode(blob: bytes) -> list[int]:
    """The inverse of `encode`."""
    numbers: list[int] = []
    value = shift = 0
    for byte in blob:
        value |= (byte & 127) << shift
        if byte & 128:
            shift += 7
        else:
            numbers.append(value)
            value = shift = 0
    return numbers


def decode_many(blobs: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All tag ids of many rows in one array, and how many each row has; no Python object per tag."""
    raw: NDArray[np.uint8] = np.frombuffer(b"".join(blobs), np.uint8)
    sizes = np.fromiter(map(len, blobs), np.int64, len(blobs))
    last: NDArray[Any] = np.flatnonzero(raw < 128)
    first = np.concatenate(([0], last[:-1] + 1)) if len(last) else last
    length = last - first + 1
    values = np.zeros(len(last), np.int64)
    for k in range(int(length.max()) if len(last) else 0):
        reaches = length > k
        values[reaches] |= (raw[first[reaches] + k].astype(np.int64) & 127) << (7 * k)
    row_of = np.searchsorted(np.cumsum(sizes), last, side="right")
    return values, np.bincount(row_of, minlength=len(blobs)).astype(np.int64)
