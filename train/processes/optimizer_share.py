"""Share of an optimiser: each process keeps the memory of a part of the weights, moves these, and sends them.

Gradients are whole on all processes, so every weight moves as it would in one; a saved state is that of one too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from train.trained.trained import in_parts

if TYPE_CHECKING:
    from train.trained.trained import WeightGroup

_SENT_NUMBERS = 1 << 24


class OptimizerShare:
    """What of the weights in `groups` this process moves: as many numbers as each other one, one after another."""

    def __init__(self, groups: Sequence[WeightGroup], rank: int, count: int) -> None:
        self._rank, self._count = rank, count
        self._weights = [weight for group in groups for weight in group.weights]
        ends = list(accumulate(weight.numel() for weight in self._weights))
        self._owners = [(end - 1) * count // ends[-1] for end in ends]
        self._sizes = [len(group.weights) for group in groups]
        self._mine = [place for place, owner in enumerate(self._owners) if owner == rank]
        self.moved = [self._weights[place] for place in self._mine]

    def own(self, groups: Sequence[WeightGroup]) -> list[WeightGroup]:
        """What this process moves, of groups like those it was made with: of the weights, or of stand-ins for them."""
        places = iter(range(len(self._weights)))
        mine = set(self._mine)
        return [
            replace(group, weights=tuple(each for each in group.weights if next(places) in mine))
            for group in groups
        ]

    def norm(self, found: Tensor) -> Tensor:
        """Gradients are whole on all processes."""
        return found

    @torch.no_grad()
    def send_round(self) -> None:
        """Each process gives the others the weights that it has moved."""
        for owner in range(self._count):
            own = [each for each, who in zip(self._weights, self._owners, strict=True) if who == owner]
            for part in in_parts(own, _SENT_NUMBERS):
                self._send(part, owner)

    def _send(self, part: Sequence[nn.Parameter], owner: int) -> None:
        flat = torch.cat([weight.detach().flatten() for weight in part])
        dist.broadcast(flat, src=owner)
        if owner != self._rank:
            for weight, moved in zip(part, flat.split([each.numel() for each in part]), strict=True):
                weight.copy_(moved.view_as(weight))

    def whole_state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The state as one process would have it, on the CPU of the first; nothing on the others. All call it."""
        own = optimizer.state_dict()
        mine = {self._mine[place]: known for place, known in own["state"].items()}
        plans: list[dict[int, dict[str, Any]]] = [{} for _ in range(self._count)]
        dist.all_gather_object(plans, {place: _plan(known) for place, known in mine.items()})
        found: dict[int, dict[str, Any]] = {}
        for owner, plan in enumerate(plans):
            for place, about in plan.items():
                found[place] = {
                    name: self._handed_over(owner, mine.get(place, {}).get(name), each)
                    for name, each in about.items()
                }
        if self._rank:
            return {}
        places = iter(range(len(self._weights)))
        groups = [
            {**group, "params": [next(places) for _ in range(size)]}
            for group, size in zip(own["param_groups"], self._sizes, strict=True)
        ]
        return {"state": {place: found[place] for place in sorted(found)}, "param_groups": groups}

    def _handed_over(self, owner: int, value: Any, about: Any) -> Any:
        """A tensor on its way to the first process; what is none came with the plan."""
        if not isinstance(about, _Shape):
            return about
        device = self._weights[0].device
        if owner == self._rank:
            if owner:
                dist.send(value.detach().to(device).contiguous(), dst=0)
            return value.detach().to("cpu", copy=True)
        if self._rank:
            return None
        arriving = torch.empty(about.shape, dtype=about.dtype, device=device)
        dist.recv(arriving, src=owner)
        return arriving.cpu()

    def load(self, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """Take over this process's share of a whole state."""
        local = {place: number for number, place in enumerate(self._mine)}
        numbers = iter(range(len(self._mine)))
        groups = [
            {**group, "params": [next(numbers) for _ in own["params"]]}
            for group, own in zip(state["param_groups"], optimizer.param_groups, strict=True)
        ]
        kept = {local[place]: known for place, known in state["state"].items() if place in local}
        optimizer.load_state_dict({"state": kept, "param_groups": groups})


class _Shape:
    """What is to arrive."""

    def __init__(self, tensor: Tensor) -> None:
        self.shape = tuple(tensor.shape)
        self.dtype = tensor.dtype


def _plan(known: dict[str, Any]) -> dict[str, Any]:
    return {name: _Shape(each) if isinstance(each, Tensor) else each for name, each in known.items()}
