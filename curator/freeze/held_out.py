"""Images held out for validation: which of each subset, by their content and a seed (B10).

A content draws one number from the subset's seed, so adding images moves none of those that are there. Copies never
stand on both sides: what one subset holds out, no other trains on either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.keyed import Purpose, key
from curator.index.changes.changes import id_array
from curator.index.sets.bitmaps import of_array

if TYPE_CHECKING:
    from curator.freeze.reader import FreezeReader
    from curator.index.tables.rows import Subset

_GAMMA, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def held_out_of(reader: FreezeReader, subsets: Sequence[Subset], ids: Sequence[BitMap]) -> list[BitMap]:
    """The images of each subset that are held out; `ids` are all of its images."""
    if not any(subset.validation_share for subset in subsets):
        return [BitMap() for _ in subsets]
    contents = reader.column("content")
    drawn = [_drawn(contents[id_array(own)], subset) for subset, own in zip(subsets, ids, strict=True) if own]
    held = np.unique(np.concatenate([np.zeros(0, np.uint64), *drawn]))
    return [_with_content(own, contents, held) for own in ids]


def draws(contents: NDArray[np.uint64], seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each content: `uniform` of `contract.keyed`, of a purpose of its own, in numpy."""
    k = np.uint64(key(seed, Purpose.HELD_OUT))
    return (_mix(_mix(contents) ^ k) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _drawn(contents: NDArray[np.uint64], subset: Subset) -> NDArray[np.uint64]:
    """The contents that a subset holds out."""
    if not subset.validation_share:
        return contents[:0]
    return contents[draws(contents, subset.validation_seed) < subset.validation_share]


def _with_content(own: BitMap, contents: NDArray[Any], held: NDArray[np.uint64]) -> BitMap:
    ids = id_array(own)
    return of_array(ids[np.isin(contents[ids], held)])


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + _GAMMA  # 64 bits, which overflow as they should
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))
