"""The keyed order of numbers: a pure function of seed and number, so no order of rows can change a draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.contract.keyed import mix

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def keys_of(numbers: NDArray[Any], *parts: int) -> NDArray[np.uint64]:
    """`contract.keyed.key(*parts, number)` of every number at once."""
    start = 0
    for part in parts:
        start = mix(start ^ mix(part & ((1 << 64) - 1)))
    return _mixed(np.uint64(start) ^ _mixed(numbers.astype(np.uint64)))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        x = values + _STEP
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        return x ^ (x >> np.uint64(31))
