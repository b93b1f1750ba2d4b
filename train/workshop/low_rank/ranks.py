"""How many ranks layers keep, by their singular values.

Rules are taken by their definition: sd-scripts, whose names some have, keeps one rank more than it asks for, and
LyCORIS' quantile one less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.low_rank import RankRule

_TENSORS = 3  # of a layer: two factors and alpha
_ABOUT_TENSOR = 130  # bytes that a header has for a tensor, and an alpha
_ABOUT_FILE = 4096
_NOISE = 1e-6  # equal singular values are equal to about so many parts


def rank_by(rule: RankRule, values: Tensor, squares: float, limit: int) -> int:
    """The ranks that `rule` leaves of singular values, falling; 1 at least, `limit` at most.

    `squares`: those of all singular values, summed; `values` may lack the last ones, but not under `sv_cumulative`.
    """
    wide = values.double()
    if rule.sv_ratio is not None:
        count = int((wide * (1 + _NOISE) >= wide[0] / rule.sv_ratio).sum()) if wide[0] > 0 else 0
    elif rule.sv_threshold is not None:
        count = int((wide * (1 + _NOISE) >= rule.sv_threshold).sum())
    elif rule.sv_fro is not None:
        count = _fewest(wide.square(), squares, rule.sv_fro**2)
    elif rule.sv_cumulative is not None:
        count = _fewest(wide, float(wide.sum()), rule.sv_cumulative)
    else:
        count = limit
    return max(1, min(count, limit, len(values)))


def _fewest(sizes: Tensor, total: float, share: float) -> int:
    """The fewest of `sizes` from the first on that make up `share` of `total`."""
    return int((sizes.cumsum(0) * (1 + _NOISE) < share * total).sum()) + 1


@dataclass
class SizeBudget:
    """Ranks shared out between layers so that a file comes nearest to all together; `bytes` is what they may take.

    What a rank of a layer brings is its squared singular value, for the bytes it takes. Each layer keeps one rank.
    As layers come in, those before can only lose ranks: `ranks` tells at any time what may be forgotten.
    """

    bytes: int
    ranks: dict[str, int] = field(default_factory=dict)
    _squares: dict[str, Tensor] = field(default_factory=dict)
    _costs: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, values: Tensor, cost: int) -> None:
        """Another layer, by its singular values; `cost`: the bytes a rank takes."""
        self._squares[name], self._costs[name] = values.double().square(), cost
        spent = sum(self._costs.values())
        further = [squares[1:] for squares in self._squares.values()]
        costs = [
            torch.full((len(squares) - 1,), self._costs[name]) for name, squares in self._squares.items()
        ]
        worth = torch.cat([each / cost for each, cost in zip(further, costs, strict=True)])
        order = worth.argsort(descending=True, stable=True)
        fits = spent + torch.cat(costs)[order].cumsum(0) <= self.bytes
        kept = torch.zeros(len(worth), dtype=torch.bool)
        kept[order[fits]] = True
        counts = [int(each.sum()) for each in kept.split([len(each) for each in further])]
        self.ranks = {name: 1 + count for name, count in zip(self._squares, counts, strict=True)}
        self._squares = {name: each[: self.ranks[name]] for name, each in self._squares.items()}

    def check(self) -> None:
        """Refuse a size that holds not even one rank of each layer.

        Raises:
            UserError: it is too small.
        """
        if (short := sum(self._costs.values()) - self.bytes) > 0:
            raise UserError(
                f"one rank of each of {len(self._costs):,} layers does not fit into --size-mb",
                f"give {short / 1e6:,.3f} MB more",
            )


def bytes_for_ranks(size_mb: float, names: Iterable[str], kept: int = 0) -> int:
    """What is left of a file for the factors of the layers of these names, beside headers and `kept` bytes."""
    headers = sum(_TENSORS * (len(name) + _ABOUT_TENSOR) for name in names)
    return int(size_mb * 1e6) - headers - _ABOUT_FILE - kept
