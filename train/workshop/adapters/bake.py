"""Adapters baked into a model, tensor by tensor: each change is added in float32 to what those before it left."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from curator.contract.errors import UserError
from curator.contract.text import visible
from train.adapters.reading import change_of, shift_of
from train.weights.tensor_writer import in_order
from train.workshop.assembly import assembled
from train.workshop.merge import Hear, Overflow, spans
from train.workshop.model_file import ModelFile, rows_of

if TYPE_CHECKING:
    from train.workshop.adapters.planning import BakePlan, Change


class Bake:
    """One bake: its result as tensors and as pieces of a file, and what overflowed in them."""

    def __init__(self, model: ModelFile, plan: BakePlan) -> None:
        self._model, self._plan = model, plan
        self.overflow = Overflow()

    def pieces(self, hear: Hear) -> Iterator[Tensor]:
        """All rows of all tensors, as they are stored, in the order of a file.

        Raises:
            UserError: the model or an adapter holds NaN or infinity.
        """
        done, total = 0, self._plan.bytes
        hear(0, total)
        wanted = (
            (name, [(0, partial(self._model.rows, name, first, last))])
            for name in in_order(self._plan.tensors)
            for first, last in self._spans(name)
        )
        for made in assembled(wanted, lambda name, read: self._made(name, read[0]), 1):
            yield made
            done += made.numel() * made.element_size()
            hear(done, total)

    def whole(self, name: str) -> Tensor:
        """One tensor of the result, as it is stored."""
        return self._made(name, self._model.whole(name))

    def _spans(self, name: str) -> list[tuple[int, int]]:
        shape = self._plan.tensors[name].shape
        is_changed = name in self._plan.weights or name in self._plan.biases
        return [(0, rows_of(shape))] if is_changed else spans(shape)

    def _made(self, name: str, rows: Tensor) -> Tensor:
        try:
            return self.overflow.cast(name, self._value(name, rows), self._plan.tensors[name].dtype)
        except ValueError:
            raise UserError(
                f"{self._model.shown}: the tensor '{visible(name)}' holds NaN or infinity, or comes to that",
                "give another model, or smaller ratios",
            ) from None

    def _value(self, name: str, rows: Tensor) -> Tensor:
        weights, biases = self._plan.weights.get(name, ()), self._plan.biases.get(name, ())
        if not weights and not biases:
            return rows
        whole = rows.to(torch.float32, copy=True)
        for change in weights:
            add_to_weight(change, change.site.within(whole))
        for change in biases:
            shift = shift_of(change.adapter.parts(change.module))
            assert shift is not None
            change.site.within(whole).add_(shift.flatten(), alpha=change.ratio)
        return whole


def add_to_weight(change: Change, weight: Tensor) -> None:
    """Add a change to the module's weight, in float32, in place."""
    parts = change.adapter.parts(change.module)
    weight.add_(change_of(change.module, parts, weight), alpha=change.ratio)
