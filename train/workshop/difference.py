"""How two models differ: by block, and tensor by tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.contract.base_model.family import FAMILIES
from train.workshop.blocks import block_names, block_of
from train.workshop.kin import kind_of
from train.workshop.merge import spans

if TYPE_CHECKING:
    from train.workshop.merge import Hear
    from train.workshop.model_file import ModelFile


@dataclass(frozen=True)
class TensorDifference:
    """`largest` between two numbers; `relative`: the length of the difference by that of the first's tensor."""

    tensor: str
    block: str
    largest: float
    relative: float


@dataclass(frozen=True)
class BlockDifference:
    """The tensors of a block that both have, those that differ, and the difference of all of them."""

    block: str
    tensors: int
    different: int
    largest: float
    relative: float


@dataclass(frozen=True)
class ModelDifference:
    """Differences, the largest first; tensors of another shape count as each model's own."""

    equal: bool
    family: str
    blocks: tuple[BlockDifference, ...]
    different_tensors: tuple[TensorDifference, ...]
    only_in_first: tuple[str, ...]
    only_in_second: tuple[str, ...]


@dataclass
class _Sums:
    """Of a tensor, or of all in a block."""

    tensors: int = 0
    different: int = 0
    largest: float = 0.0
    of_difference: float = 0.0
    of_first: float = 0.0

    @property
    def relative(self) -> float:
        if not self.of_difference:
            return 0.0
        return math.sqrt(self.of_difference / self.of_first) if self.of_first else math.inf

    def add(self, other: _Sums) -> None:
        self.tensors += 1
        self.different += other.largest > 0
        self.largest = max(self.largest, other.largest)
        self.of_difference += other.of_difference
        self.of_first += other.of_first


def difference(first: ModelFile, second: ModelFile, convention: str, hear: Hear) -> ModelDifference:
    """Compare all tensors, in float64; NaN differs from everything."""
    family = kind_of(first)
    shared = [
        name
        for name, kept in first.tensors.items()
        if name in second.tensors and second.tensors[name].shape == kept.shape
    ]
    total = sum(first.tensors[name].bytes for name in shared)
    names = block_names(family, convention) if family in FAMILIES else ("",)
    blocks = {name: _Sums() for name in names}
    found: list[TensorDifference] = []
    done = 0
    for name in shared:
        block = block_of(name, family, convention) if family in FAMILIES else ""
        sums = _compared(first, second, name)
        blocks[block].add(sums)
        if sums.largest:
            found.append(TensorDifference(name, block, sums.largest, sums.relative))
        done += first.tensors[name].bytes
        hear(done, total)
    only_first, only_second = (_alone(each, shared) for each in (first, second))
    return ModelDifference(
        equal=not (found or only_first or only_second),
        family=family,
        blocks=tuple(
            BlockDifference(name, each.tensors, each.different, each.largest, each.relative)
            for name, each in blocks.items()
        ),
        different_tensors=tuple(sorted(found, key=lambda each: -each.relative)),
        only_in_first=only_first,
        only_in_second=only_second,
    )


def _alone(file: ModelFile, shared: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(file.tensors.keys() - set(shared)))


def _compared(first: ModelFile, second: ModelFile, name: str) -> _Sums:
    sums = _Sums()
    for begin, end in spans(first.tensors[name].shape):
        a, b = (file.rows(name, begin, end).double() for file in (first, second))
        if not a.numel():
            continue
        gap = (a - b).abs()
        gap[gap.isnan()] = math.inf
        sums.largest = max(sums.largest, float(gap.max()))
        sums.of_difference += float(gap.square().sum())
        sums.of_first += float(a.square().sum())
    return sums
