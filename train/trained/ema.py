"""Moving average of what is trained (EMA): followed after each step; evaluated, sampled and saved in its place.

How much of the average stays at the n-th update, n from 0, is the least of `ema.decay` and a rule that lets it forget
the start: those of diffusers' `EMAModel`, `(1 + n) / (10 + n)` or `1 - (1 + n)^-power`. The first update is a copy.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from curator.contract.locations import RAW_WEIGHTS_SUFFIX

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Ema
    from train.trained.trained import Trained, WeightGroup, Written
    from train.weights.lora_file import Stored

_PREFIX = "average."
_UPDATES = "average updates"


def decay_at(knobs: Ema, updates: int) -> float:
    """How much of the average stays, when it was updated so many times before."""
    if updates == 0:
        return 0.0
    if knobs.warmup == "ratio":
        return min(knobs.decay, (1 + updates) / (10 + updates))
    if knobs.warmup == "power":
        return min(knobs.decay, 1 - (1 + updates) ** -knobs.power)
    return knobs.decay


class Averaged:
    """What is trained, with its average: a `train.trained.trained.Trained` around another.

    The average lies beside the weights or on the CPU. At rest the two have changed places, so that neither is held
    twice.
    """

    def __init__(self, trained: Trained, knobs: Ema) -> None:
        self._trained = trained
        self._knobs = knobs
        self._updates = 0
        place = torch.device("cpu") if knobs.device == "cpu" else None
        self._average = [torch.empty_like(weight, device=place).copy_(weight) for weight in _data(trained)]

    @property
    def groups(self) -> Sequence[WeightGroup]:
        return self._trained.groups

    @property
    def weights(self) -> list[nn.Parameter]:
        return self._trained.weights

    @property
    def trains_text(self) -> bool:
        return self._trained.trains_text

    @torch.no_grad()
    def stepped(self) -> None:
        """Take the weights into the average."""
        self._trained.stepped()
        share = 1.0 - decay_at(self._knobs, self._updates)
        self._updates += 1
        for average, weight in zip(self._average, _data(self._trained), strict=True):
            average.lerp_(weight.to(average.device), share)

    @contextmanager
    def at_rest(self) -> Generator[None]:
        """The average in the place of the weights."""
        with self._changed_places(), self._trained.at_rest():
            yield

    def whole(self) -> AbstractContextManager[None]:
        return self._trained.whole()

    @contextmanager
    def _changed_places(self) -> Generator[None]:
        self._change_places()
        try:
            yield
        finally:
            self._change_places()

    @torch.no_grad()
    def _change_places(self) -> None:
        for average, weight in zip(self._average, _data(self._trained), strict=True):
            kept = weight.to(average.device, copy=True)
            weight.copy_(average)
            average.copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """The weights, the average of each, and the number of updates."""
        weights = self._trained.state()
        with self._changed_places():
            averages = {_PREFIX + name: tensor for name, tensor in self._trained.state().items()}
        return {**weights, **averages, _UPDATES: torch.tensor(self._updates)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            UserError: other weights or other sizes, or a state without an average.
        """
        with self._changed_places():
            found = {name: tensor for name, tensor in state.items() if name.startswith(_PREFIX)}
            self._trained.load({name.removeprefix(_PREFIX): tensor for name, tensor in found.items()})
        self._trained.load(state)
        self._updates = int(state[_UPDATES])

    def write(self, place: Path, metadata: Mapping[str, str], stored: Stored) -> list[Written]:
        """The average, and beside it the weights themselves where the recipe wants both; within `at_rest`."""
        about = {**metadata, "frieze.ema_decay": str(self._knobs.decay)}
        written = [*self._trained.write(place, {**about, "frieze.weights": "average"}, stored)]
        if self._knobs.save == "both":
            raw = place.with_name(f"{place.name}{RAW_WEIGHTS_SUFFIX}")
            with self._changed_places():
                written += self._trained.write(raw, {**about, "frieze.weights": "raw"}, stored)
        return written


def _data(trained: Trained) -> list[Tensor]:
    """What is moved: of weights that are spread over processes, this one's rows."""
    return [weight.data for group in trained.groups for weight in group.weights]
