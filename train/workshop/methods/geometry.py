"""Merges by the angles between whole tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from torch import Tensor

from train.workshop.methods.method import Method, Numbers, Pieces, changes, gram_of

_PARALLEL = 1e-4  # below this sine the way along the arc and along the chord are one in float32


def slerp_shares(pieces: Pieces, numbers: Numbers) -> tuple[float, float]:
    """How much of A and of B: along the arc between them, with the length between theirs."""
    gram = gram_of(pieces())
    lengths = [math.sqrt(float(gram[i, i])) for i in range(2)]
    t = numbers.ratio
    if not all(lengths):
        return 1 - t, t
    angle = math.acos(max(-1.0, min(1.0, float(gram[0, 1]) / (lengths[0] * lengths[1]))))
    sine = math.sin(angle)
    if sine < _PARALLEL:
        return 1 - t, t
    length = (1 - t) * lengths[0] + t * lengths[1]
    return (
        math.sin((1 - t) * angle) / sine * length / lengths[0],
        math.sin(t * angle) / sine * length / lengths[1],
    )


def of_shares(tensors: Sequence[Tensor], _: Numbers, shares: Any) -> Tensor:
    """So much of A and so much of B."""
    a, b = tensors
    return a.mul_(shares[0]).add_(b, alpha=shares[1])


def stock_share(pieces: Pieces, _: Numbers) -> float:
    """How far from the base to the mean of N tuned models (Jang 2024): N c / (1 + (N - 1) c).

    c is the mean cosine between what they changed, of all pairs in this tensor; where they disagree it is 0.
    """
    gram = gram_of(changes(tensors) for tensors in pieces())
    count = len(gram)
    lengths = [math.sqrt(float(gram[i, i])) for i in range(count)]
    cosines = [
        float(gram[i, j]) / (lengths[i] * lengths[j]) if lengths[i] and lengths[j] else 0.0
        for i, j in combinations(range(count), 2)
    ]
    cosine = max(0.0, sum(cosines) / len(cosines))
    return count * cosine / (1 + (count - 1) * cosine)


def of_mean(tensors: Sequence[Tensor], numbers: Numbers, share: Any) -> Tensor:
    """The base and so much of the mean change."""
    changed = changes(tensors)
    for each in changed[1:]:
        changed[0].add_(each)
    return tensors[-1].add_(changed[0], alpha=numbers.ratio * share / len(changed))


METHODS = {
    "slerp": Method("from A to B along the arc", ("A", "B"), of_shares, ratio=0.5, measure=slerp_shares),
    "model-stock": Method(
        "from the base towards the mean of tuned models, as far as they agree",
        ("A", "B", "BASE"),
        of_mean,
        measure=stock_share,
        takes_more=True,
        result_at_zero=-1,
    ),
}
