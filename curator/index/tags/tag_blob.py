"""The tags of many rows packed at once: `contract.varint`, tag ids in caption order, by numpy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from curator.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Numbers: TypeAlias = "NDArray[np.int64]"


def encode_many(values: NDArray[Any], counts: NDArray[Any]) -> list[bytes]:
    """The blobs of many rows, whose tags stand one row after another in `values`; no Python step per tag."""
    flat = values.astype(np.int64, copy=False)
    size = np.ones(len(flat), np.int64)
    for bits in (7, 14, 21, 28):
        size += flat >= 1 << bits
    ends = np.concatenate(([0], np.cumsum(size)))
    out = np.zeros(int(ends[-1]), np.uint8)
    for k in range(int(size.max()) if len(flat) else 0):
        reaches = size > k
        more = (size[reaches] > k + 1) * 128
        out[ends[:-1][reaches] + k] = (flat[reaches] >> (7 * k)) & 127 | more
    cuts = ends[np.concatenate(([0], np.cumsum(counts)))].tolist()
    raw = out.tobytes()
    return [raw[first:beyond] for first, beyond in pairwise(cuts)]


def count_many(blobs: Sequence[bytes]) -> Numbers:
    """How often each tag id comes in rows; a third of the time of decoding them."""
    raw: NDArray[np.uint8] = np.frombuffer(b"".join(blobs), np.uint8)
    last: NDArray[Any] = np.flatnonzero(raw < 128).astype(np.int32)
    length = np.diff(last, prepend=-1)
    counts = np.zeros(0, np.int64)
    for size in range(1, int(length.max()) + 1 if len(last) else 1):
        ends = last[length == size]
        values = raw[ends].astype(np.int32)
        for k in range(1, size):
            values = values << 7 | (raw[ends - k] & 127)
        more = np.bincount(values, minlength=len(counts))
        more[: len(counts)] += counts
        counts = more
    return counts


def decode_many(blobs: Sequence[bytes]) -> tuple[Numbers, Numbers]:
    """All tag ids of many rows in one array, and how many each row has; no Python step per tag."""
    raw: NDArray[np.uint8] = np.frombuffer(b"".join(blobs), np.uint8)
    sizes = np.fromiter(map(len, blobs), np.int64, len(blobs))
    last: NDArray[Any] = np.flatnonzero(raw < 128)
    first = np.concatenate(([0], last[:-1] + 1)) if len(last) else last
    length = last - first + 1
    values = np.zeros(len(last), np.int64)
    for k in range(int(length.max()) if len(last) else 0):
        reaches = length > k
        values[reaches] |= (raw[first[reaches] + k].astype(np.int64) & 127) << (7 * k)
    row_ends = np.searchsorted(last, np.cumsum(sizes))
    return values, np.diff(row_ends, prepend=0).astype(np.int64)
