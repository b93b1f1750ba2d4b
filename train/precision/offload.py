"""Offloading: frozen modules that lie in the CPU's memory, and on a device only while they work."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class _Place(NamedTuple):
    """Where a module holds one tensor of its own, and what lies there at rest."""

    held: dict[str, Any]
    name: str
    resting: Tensor


class Offloaded:
    """Frozen modules at rest. For each piece of work their weights are copied to `device`, and let go after it.

    Nothing is copied back. Where `device` is a GPU, what rests is pinned: a copy of it is not waited for.
    """

    def __init__(self, modules: Iterable[nn.Module], device: torch.device) -> None:
        self._device = device
        self._is_at_work = False
        self._numbers: torch.dtype | None = None
        parts = [part for module in modules for part in module.modules()]
        if device.type == "cuda":
            for part in parts:
                part._apply(torch.Tensor.pin_memory, recurse=False)
        self._places = [
            _Place(held, name, tensor)
            for part in parts
            for held in (part._parameters, part._buffers)
            for name, tensor in held.items()
            if tensor is not None
        ]

    @contextmanager
    def at_work(self, numbers: torch.dtype | None = None) -> Generator[None]:
        """On the device within the block, in `numbers` or in those they rest in. A block within one copies nothing."""
        if self._is_at_work and numbers == self._numbers:
            yield
            return
        before = self._is_at_work, self._numbers
        held = [place.held[place.name] for place in self._places]
        try:
            for place in self._places:
                place.held[place.name] = self._copy(place.resting, numbers)
            self._is_at_work, self._numbers = True, numbers
            yield
        finally:
            self._is_at_work, self._numbers = before
            for place, tensor in zip(self._places, held, strict=True):
                place.held[place.name] = tensor

    def _copy(self, resting: Tensor, numbers: torch.dtype | None) -> Tensor:
        """Of what rests; a parameter stays one. Ids, such as those of positions, keep their type."""
        dtype = numbers if resting.is_floating_point() else None
        copy = resting.detach().to(self._device, dtype, non_blocking=True)
        return nn.Parameter(copy, requires_grad=False) if isinstance(resting, nn.Parameter) else copy
