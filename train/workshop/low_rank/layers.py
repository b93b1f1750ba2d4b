"""What is told of each layer of an adapter, and of all together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Squares(NamedTuple):
    """Of a layer: the squares of its change, and of what is lost of it, each summed."""

    whole: float
    lost: float

    @property
    def error(self) -> float:
        """The length of what is lost by that of the whole."""
        return math.sqrt(self.lost / self.whole) if self.whole else 0.0


@dataclass(frozen=True)
class LayerReport:
    """One layer of an adapter. A `rank` of 0 is a matrix kept whole; `rank_before` is of resizing alone.

    `error`: the length (Frobenius norm) of what is lost by that of the whole change, as the file stores it.
    `kept_share`: the share of all squared singular values that is not lost, 1 - error^2.
    """

    name: str
    rank: int
    error: float
    kept_share: float
    rank_before: int | None = None


def layer_report(name: str, rank: int, squares: Squares, rank_before: int | None = None) -> LayerReport:
    """What is told of a layer."""
    return LayerReport(name, rank, squares.error, kept_share(squares), rank_before)


def kept_share(squares: Squares) -> float:
    """The share that is not lost."""
    return max(0.0, 1 - squares.error**2)


def of_all(layers: Iterable[Squares]) -> Squares:
    """The same of all layers as of one."""
    found = list(layers)
    return Squares(math.fsum(each.whole for each in found), math.fsum(each.lost for each in found))
