"""Merges of several models' changes of one base, thinned out first: TIES, DARE and DELLA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from train.workshop.methods.method import Method, Numbers, Pieces, changes


def cuts(pieces: Pieces, numbers: Numbers) -> list[float]:
    """For each tuned model the size of change from which on the share `density` of the largest begins."""
    found: list[float] = []
    count = None
    while count is None or len(found) < count:
        sizes: list[np.ndarray[Any, Any]] = []
        for tensors in pieces():
            count = len(tensors) - 1
            changed = tensors[len(found)].sub_(tensors[-1])
            sizes.append(changed.abs_().flatten().numpy())
        found.append(_cut(np.concatenate(sizes), numbers.option["density"]))
    return found


def _cut(sizes: np.ndarray[Any, Any], density: float) -> float:
    kept = round(density * len(sizes))
    if not kept:
        return float("inf")
    sizes.partition(len(sizes) - kept)
    return float(sizes[len(sizes) - kept])


def ties(tensors: Sequence[Tensor], numbers: Numbers, cut: Any) -> Tensor:
    """The largest changes of each model; of those with the sign of their sum the mean (Yadav 2023)."""
    kept = [change.mul_(change.abs() >= least) for change, least in zip(changes(tensors), cut, strict=True)]
    return tensors[-1].add_(mean_of_elected(kept), alpha=numbers.ratio)


def dare(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """A share `drop` of the changes of each model left out at random, the others made larger for it (Yu 2023)."""
    drop = numbers.option["drop"]
    changed = changes(tensors)
    for place, change in enumerate(changed):
        draws = torch.rand(change.shape, generator=numbers.generator(place))
        tensors[-1].add_(change.mul_(draws >= drop), alpha=numbers.ratio / (1 - drop) / len(changed))
    return tensors[-1]


def della(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """As DARE, smaller changes of an output dropped more often than larger ones; then as TIES (Deep 2024)."""
    kept = [
        _thinned_by_size(change, numbers, numbers.generator(place))
        for place, change in enumerate(changes(tensors))
    ]
    return tensors[-1].add_(mean_of_elected(kept), alpha=numbers.ratio)


def _thinned_by_size(change: Tensor, numbers: Numbers, generator: torch.Generator) -> Tensor:
    """A change is dropped with a probability of `drop`, give or take half of `spread` by its rank in its row."""
    rows = change.flatten(1) if change.dim() > 1 else change[None]
    ranks = rows.abs().argsort(descending=True, stable=True).argsort().float()  # 0 is the largest
    dropped = numbers.option["drop"] + numbers.option["spread"] * ((ranks + 0.5) / rows.shape[1] - 0.5)
    draws = torch.rand(rows.shape, generator=generator)
    return (rows * (draws >= dropped) / (1 - dropped)).reshape(change.shape)


def mean_of_elected(changed: Sequence[Tensor]) -> Tensor:
    """Number by number the mean of those changes that have the sign of the sum; 0 where there is none."""
    sign = torch.stack(list(changed)).sum(0).sign_()
    total, count = torch.zeros_like(sign), torch.zeros_like(sign)
    for change in changed:
        agrees = (change.sign() == sign) & (change != 0)
        total.add_(change * agrees)
        count.add_(agrees)
    return total.div_(count.clamp_(min=1))


_TUNED = ("A", "B", "BASE")
METHODS = {
    "ties": Method(
        "the largest changes of tuned models, where most agree on the sign", _TUNED, ties,
        options={"density": 0.2}, measure=cuts, takes_more=True, result_at_zero=-1,
    ),
    "dare": Method(
        "the changes of tuned models, most left out at random and the others made larger", _TUNED, dare,
        options={"drop": 0.9, "seed": 0}, takes_more=True, result_at_zero=-1,
    ),
    "della": Method(
        "as dare, small changes left out more often, then the mean by elected sign", _TUNED, della,
        options={"drop": 0.7, "spread": 0.2, "seed": 0}, takes_more=True, result_at_zero=-1,
    ),
}  # fmt: skip
