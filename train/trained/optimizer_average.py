"""Weights whose optimiser keeps an average beside them: trained at one place, judged and saved at the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from train.optim.optimizers import averages

if TYPE_CHECKING:
    from train.trained.trained import Trained


class AtAverage:
    """What is trained (a `train.trained.trained.Trained`), at rest where its optimiser's average is."""

    def __init__(self, trained: Trained, optimizer: Any) -> None:
        self._trained = trained
        self._optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trained, name)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """The way back is by a copy: the optimiser's own rounds, and then samples would change what is trained."""
        with torch.no_grad():
            kept = [weight.clone() for weight in self._trained.weights]
        self._optimizer.eval()
        try:
            with self._trained.at_rest():
                yield
        finally:
            self._optimizer.train()
            with torch.no_grad():
                for weight, before in zip(self._trained.weights, kept, strict=True):
                    weight.copy_(before)


def averaged(trained: Trained, optimizer: torch.optim.Optimizer) -> Trained:
    """`trained`, which rests at the optimiser's average where it keeps one."""
    return AtAverage(trained, optimizer) if averages(optimizer) else trained
