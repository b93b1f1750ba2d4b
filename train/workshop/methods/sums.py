"""Sums of weights and of differences, number by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from train.workshop.methods.method import Method, Numbers

_TRAINED = 1.8  # supermerger's factor: with it a full ratio is about as strong as the training was


def weighted_sum(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """(1 - ratio) A + ratio B."""
    a, b = tensors
    return a.lerp_(b, numbers.ratio)


def add_difference(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """A + ratio (B - C)."""
    a, b, c = tensors
    return a.add_(b.sub_(c), alpha=numbers.ratio)


def triple(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """(1 - ratio - ratio2) A + ratio B + ratio2 C."""
    a, b, c = tensors
    first, second = numbers.ratio, numbers.ratio2
    return a.mul_(1 - first - second).add_(b, alpha=first).add_(c, alpha=second)


def sum_twice(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """(1 - ratio2) ((1 - ratio) A + ratio B) + ratio2 C."""
    a, b, c = tensors
    return a.lerp_(b, numbers.ratio).lerp_(c, numbers.ratio2)


def train_difference(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """A + 1.8 ratio w (B - C) with w = |B - A| / (|B - A| + |B - C|): as if A were trained like B was from C."""
    a, b, c = tensors
    learnt = b - c
    away = b.sub_(a).abs_()
    weight = torch.nan_to_num_(away / (away + learnt.abs()), nan=0.0)
    return a.add_(learnt.mul_(weight), alpha=_TRAINED * numbers.ratio)


def similarity(tensors: Sequence[Tensor], numbers: Numbers, _: Any) -> Tensor:
    """sd-meh's: where A and B agree, their half sum, and where they do not, A + ratio (B - C).

    s = ratio2 (A B / max(|A|, |B|)^2 + 1) / 2, and s ((1 - ratio / 2) A + ratio / 2 B) + (1 - s) (A + ratio (B - C)).
    """
    a, b, c = tensors
    largest = torch.maximum(a.abs(), b.abs()).square_()
    alike = ((a * b).div_(largest).add_(1)).mul_(numbers.ratio2 / 2)
    alike = torch.nan_to_num_(alike, nan=numbers.ratio2)
    added = torch.add(a, b - c, alpha=numbers.ratio)
    return added.lerp_(a.lerp_(b, numbers.ratio / 2), alike)


_THREE = ("A", "B", "C")
METHODS = {
    "weighted-sum": Method("(1 - ratio) A + ratio B", ("A", "B"), weighted_sum, ratio=0.5),
    "add-difference": Method("A + ratio (B - C)", _THREE, add_difference, adds_difference=True),
    "triple": Method(
        "(1 - ratio - ratio2) A + ratio B + ratio2 C", _THREE, triple, 1 / 3, 1 / 3, result_at_zero=None
    ),
    "sum-twice": Method(
        "(1 - ratio2) (A and B by ratio) + ratio2 C", _THREE, sum_twice, 0.5, 0.5, result_at_zero=None
    ),
    "train-difference": Method("A, trained as B was from C", _THREE, train_difference, adds_difference=True),
    "similarity": Method(
        "A + ratio (B - C) where A and B differ, their mean where they agree", _THREE, similarity, 1.0, 1.0
    ),
}
