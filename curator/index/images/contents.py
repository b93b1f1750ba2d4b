"""Images by their content: the first 8 bytes of the sha256 as a column, searched whole.

An SQLite index over such random numbers would dirty every one of its pages with every batch of an import; looking
through 3.6 million numbers takes ten milliseconds, once per batch of new files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curator.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIEVE = 1 << 20


def content_key(sha256: bytes) -> int:
    """The first 8 bytes as a number, in the order of the hexadecimal digits."""
    return int.from_bytes(sha256[:8], "big")


def candidates(column: NDArray[Any], contents: Sequence[bytes]) -> list[int]:
    """Images whose key is that of one of these contents; the whole sha256 is still to be compared."""
    keys = np.frombuffer(b"".join(contents), ">u8")[::4].astype(np.uint64)  # as `content_key`
    low = np.uint64(_SIEVE - 1)
    sieve = np.zeros(
        _SIEVE, bool
    )  # nearly all images fall through it, which is cheaper than comparing with each key
    sieve[keys & low] = True
    maybe = np.flatnonzero(sieve[column & low])
    found = maybe[np.isin(column[maybe], keys)]
    return found[found > 0].tolist()


def with_prefix(column: NDArray[Any], digits: str) -> list[int]:
    """Images whose key starts with these hexadecimal digits (of which 16 count)."""
    low, high = (np.uint64(int(digits[:16].ljust(16, end), 16)) for end in "0f")
    found = np.flatnonzero((column >= low) & (column <= high))
    return found[found > 0].tolist()
