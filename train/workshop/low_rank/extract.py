"""The difference of two models as the layers of an adapter, one layer after the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.adapters.kinds.norm import SCALE, SHIFT
from train.adapters.reading import change_of
from train.weights.lora_file import DTYPES
from train.workshop.low_rank.kinds import limit_of, lokr_layer, lora_factors, lora_layer
from train.workshop.low_rank.layers import LayerReport, Squares, layer_report
from train.workshop.low_rank.ranks import SizeBudget, bytes_for_ranks
from train.workshop.low_rank.source import Slot, Source

if TYPE_CHECKING:
    from curator.contract.low_rank import Extraction
    from train.adapters.kinds.kind import Spec
    from train.workshop.low_rank.difference import Layer, Pair
    from train.workshop.low_rank.factors import Factors
    from train.workshop.merge import Hear

BIAS = "diff_b"


@dataclass
class Extracted:
    """What is found: `tensors` as the file has them. `whole_tensors` stand there as they differ."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    layers: list[LayerReport] = field(default_factory=list)
    squares: list[Squares] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    unchanged_layers: int = 0
    randomised_layers: int = 0
    whole_tensors: int = 0
    clamped: int = 0


class Extract:
    """One extraction. `hear` is told of bytes of the layers."""

    def __init__(self, pair: Pair, layers: Sequence[Layer], wanted: Extraction, hear: Hear) -> None:
        self._pair, self._layers, self._wanted, self._hear = pair, layers, wanted, hear
        self._dtype = DTYPES[wanted.dtype] if wanted.dtype else _dtype_of(pair.tuned, layers)
        self._found = Extracted()

    @torch.no_grad()
    def run(self) -> Extracted:
        """All layers.

        Raises:
            UserError: a model is damaged, no layer differs, or a size is too small.
        """
        if self._wanted.ranks.size_mb is None:
            for layer, change in self._changes(0, 1):
                self._put(layer, change, None)
        else:
            self._run_for_size(self._wanted.ranks.size_mb)
        if not self._found.tensors:
            raise UserError(
                f"no layer of {self._pair.tuned.shown} differs from {self._pair.base.shown}"
                + (f" by more than {self._wanted.min_difference:g}" if self._wanted.min_difference else ""),
                "there is nothing to extract: look at both with 'frieze model diff'",
            )
        return self._found

    def _run_for_size(self, size_mb: float) -> None:
        """First the singular values of all layers, by which the ranks are shared out; then each with its own."""
        budget = SizeBudget(bytes_for_ranks(size_mb, [layer.name for layer in self._layers]))
        held: dict[str, Factors] = {}
        for layer, change in self._changes(0, 2):
            spec = _spec(layer, change)
            if spec.kind != "norm":
                name = layer.name
                held[name] = lora_factors(change, spec, self._wanted)
                cost = (spec.shape[0] + spec.inputs) * self._dtype.itemsize
                budget.add(name, held[name].values, cost)
                _forget(held, budget.ranks)
        budget.check()
        self._found.unchanged_layers = 0  # they are met again
        for layer, change in self._changes(1, 2):
            self._put(layer, change, held.get(layer.name))

    def _changes(self, turn: int, turns: int) -> Iterator[tuple[Layer, Tensor]]:
        """The layers that differ, and how."""
        sizes = [math.prod(layer.spec.shape) * self._dtype.itemsize for layer in self._layers]
        total = turns * sum(sizes)
        done = turn * sum(sizes)
        self._hear(done, total)
        for layer, size in zip(self._layers, sizes, strict=True):
            change = self._pair.change(Slot(layer.name, "weight"))
            if change is None or float(change.abs().max()) <= self._wanted.min_difference:
                self._found.unchanged_layers += 1
            else:
                yield layer, change
            done += size
            self._hear(done, total)

    def _put(self, layer: Layer, change: Tensor, factors: Factors | None) -> None:
        """Take a layer in."""
        name, spec = layer.name, _spec(layer, change)
        if spec.kind == "norm":
            self._put_norm(name, change)
            return
        if spec.kind == "lokr":
            made = lokr_layer(change, spec, self._wanted)
        else:
            factors = factors or lora_factors(change, spec, self._wanted)
            made = lora_layer(factors, spec, self._wanted.clamp_quantile)
            self._found.clamped += self._wanted.ranks.rank is not None and limit_of(spec) < spec.rank
        self._found.randomised_layers += made.is_random
        stored = self._stored(name, made.tensors)
        squares = _squares(change, change_of(name, stored, change))
        self._found.layers.append(layer_report(name, made.rank, squares))
        self._found.squares.append(squares)
        self._found.slots.append(Slot(name, "weight"))
        self._add(name, stored)
        if self._wanted.norms:
            self._put_bias(name)

    def _put_norm(self, name: str, change: Tensor) -> None:
        shift = self._pair.change(Slot(name, "bias"))
        self._add(name, self._stored(name, {SCALE: change, **({} if shift is None else {SHIFT: shift})}))
        self._found.slots += [Slot(name, "weight"), Slot(name, "bias")]
        self._found.whole_tensors += 1

    def _put_bias(self, name: str) -> None:
        shift = self._pair.change(Slot(name, "bias"))
        if shift is not None and bool(shift.any()):
            self._add(name, self._stored(name, {BIAS: shift}))
            self._found.slots.append(Slot(name, "bias"))
            self._found.whole_tensors += 1

    def _stored(self, name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """As the file holds them; an alpha in float32, whose digits all count."""
        kept = {leaf: each if leaf == "alpha" else each.to(self._dtype) for leaf, each in tensors.items()}
        if not all(bool(torch.isfinite(each).all()) for each in kept.values()):
            raise UserError(
                f"the change of '{visible(name)}' is beyond what {str(self._dtype).removeprefix('torch.')} holds",
                "give --dtype bf16 or fp32",
            )
        return kept

    def _add(self, name: str, tensors: dict[str, Tensor]) -> None:
        self._found.tensors |= {f"{name}.{leaf}": each.contiguous() for leaf, each in tensors.items()}


def _dtype_of(model: Source, layers: Sequence[Layer]) -> torch.dtype:
    """The type that most layers have; of those that adapters are not stored in, float16."""
    tensors = model.file.tensors
    found = Counter(tensors[model.tensor_of(Slot(layer.name, "weight"))].dtype for layer in layers)
    most = found.most_common(1)[0][0]
    return most if most in DTYPES.values() else torch.float16


def _forget(held: dict[str, Factors], ranks: Mapping[str, int]) -> None:
    """Cut what has more ranks than it will get."""
    for name, factors in held.items():
        if len(factors.values) > ranks[name]:
            held[name] = factors.cut(ranks[name])


def _spec(layer: Layer, change: Tensor) -> Spec:
    """The module's adapter, of the size that the models have."""
    return replace(layer.spec, shape=tuple(change.shape))


def _squares(change: Tensor, made: Tensor) -> Squares:
    return Squares(
        float(change.double().square().sum()),
        float((change - made.reshape(change.shape)).double().square().sum()),
    )
