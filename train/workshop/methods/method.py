"""What a merge method is: a formula over pieces of whole rows, and what it measures of whole tensors before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Pieces = Callable[
    [], Iterable[list[Tensor]]
]  # the same rows of every model, in float32; from the start each time


@dataclass(frozen=True)
class Numbers:
    """What a formula is told for one tensor. `option` is the method's own knobs by name.

    `generator` gives the random numbers of one model in one piece; the same ones whenever it is asked.
    """

    ratio: float
    ratio2: float
    option: Mapping[str, float]
    generator: Callable[[int], torch.Generator]


Formula = Callable[[Sequence[Tensor], Numbers, Any], Tensor]
Measure = Callable[[Pieces, Numbers], Any]


@dataclass(frozen=True)
class Method:
    """One method. A formula may overwrite the tensors it gets; it gets what `measure` found as its third.

    `models` are as they are typed, the first being what the result is named after. `result_at_zero` is the place of the
    model that a ratio of 0 gives unchanged. `adds_difference`: of models that predict otherwise the difference alone
    comes in.
    """

    about: str
    models: tuple[str, ...]
    formula: Formula
    ratio: float = 1.0
    ratio2: float | None = None
    options: Mapping[str, float] = field(default_factory=dict)
    measure: Measure | None = None
    takes_more: bool = False
    result_at_zero: int | None = 0
    adds_difference: bool = False


def changes(tensors: Sequence[Tensor]) -> list[Tensor]:
    """What each model but the last, which is their base, changed in it; the base stays as it is."""
    *tuned, base = tensors
    return [each.sub_(base) for each in tuned]


def gram_of(pieces: Iterable[Sequence[Tensor]]) -> Tensor:
    """Inner products of all pairs of tensors that come in pieces, in float64."""
    total = torch.zeros(0)
    for tensors in pieces:
        rows = torch.stack([each.flatten() for each in tensors]).double()
        total = rows @ rows.T if not len(total) else total + rows @ rows.T
    return total
