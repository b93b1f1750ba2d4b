"""Optimiser steps of some weights at a time, and weights in bfloat16 that an optimiser sees in float32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from curator.contract.keyed import Purpose, key
from train.precision.rounding import rounded
from train.trained.trained import in_parts

if TYPE_CHECKING:
    from train.trained.trained import WeightGroup

_PART_NUMBERS = 1 << 26  # in float32, with its gradient, half a gigabyte


class Parts:
    """Moves weights some at a time, by an optimiser that looks at none together.

    An optimiser made over `groups` keeps its state by weight, so that it does not matter which move together.
    """

    def __init__(self, groups: Sequence[WeightGroup], seed: int) -> None:
        self._group_of: dict[nn.Parameter, int] = {}
        self._stand_ins: dict[nn.Parameter, nn.Parameter] = {}
        self._numbers: dict[nn.Parameter, int] = {}
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}
        for number, group in enumerate(groups):
            for weight in group.weights:
                self._group_of[weight] = number
                self._numbers[weight] = len(self._numbers)
                if weight.dtype is torch.bfloat16:
                    self._stand_ins[weight] = nn.Parameter(torch.empty(0, device=weight.device))
        self.groups = [
            replace(group, weights=tuple(self._seen(weight) for weight in group.weights)) for group in groups
        ]

    def _seen(self, weight: nn.Parameter) -> nn.Parameter:
        """What the optimiser holds for a weight: itself, or an empty float32 stand-in."""
        return self._stand_ins.get(weight, weight)

    @torch.no_grad()
    def move(self, optimizer: torch.optim.Optimizer, weights: Iterable[nn.Parameter], step: int) -> None:
        """One optimiser step of those of `weights` that have a gradient, and a rate that is not 0."""
        for part in in_parts(self._moving(optimizer, weights), _PART_NUMBERS):
            for weight in part:
                self._show(weight)
            self._step(optimizer, part)
            for weight in part:
                self._take_back(weight, step)

    def _moving(
        self, optimizer: torch.optim.Optimizer, weights: Iterable[nn.Parameter]
    ) -> Iterator[nn.Parameter]:
        for weight in weights:
            if weight.grad is not None and optimizer.param_groups[self._group_of[weight]]["lr"]:
                yield weight

    def _step(self, optimizer: torch.optim.Optimizer, part: Sequence[nn.Parameter]) -> None:
        seen: dict[int, list[nn.Parameter]] = {}
        for weight in part:
            seen.setdefault(self._group_of[weight], []).append(self._seen(weight))
        groups = optimizer.param_groups
        optimizer.param_groups = [{**groups[number], "params": found} for number, found in seen.items()]
        try:
            optimizer.step()
        finally:
            optimizer.param_groups = groups

    def _show(self, weight: nn.Parameter) -> None:
        stand_in = self._stand_ins.get(weight)
        if stand_in is not None and weight.grad is not None:
            stand_in.data = weight.float()
            stand_in.grad = weight.grad.float()

    def _take_back(self, weight: nn.Parameter, step: int) -> None:
        """Rounding draws from (seed, step, weight) alone: neither the order nor a resume changes it."""
        stand_in = self._stand_ins.get(weight)
        if stand_in is None:
            return
        generator = self._generator(weight)
        generator.manual_seed(key(self._seed, Purpose.ROUNDING, step, self._numbers[weight]))
        weight.copy_(rounded(stand_in.data, generator))
        stand_in.grad = None
        stand_in.data = torch.empty(0, device=weight.device)

    def _generator(self, weight: Tensor) -> torch.Generator:
        return self._generators.setdefault(weight.device, torch.Generator(weight.device))
