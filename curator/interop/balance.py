"""Decides how often regularisation pictures are shown: as many samples as the others give (S045, S047).

kohya adds regularisation pictures with their own repeats until they reach the number of training samples, leaves the
rest unused, and gives more repeats where they fall short. Here their repeats become one real number, so that the sum
is the same and every picture comes in turn; what kohya would have left unused is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from curator.interop.plan import PlannedSubset


@dataclass(frozen=True)
class Balance:
    """Subsets with their repeats balanced; `surplus` are regularisation samples beyond those of training."""

    subsets: tuple[PlannedSubset, ...]
    training: float
    regularisation: float

    @property
    def surplus(self) -> float:
        return max(0.0, self.regularisation - self.training)

    def sentence(self) -> str:
        """What the balance does, in words; empty where nothing is balanced."""
        if not self.regularisation:
            return ""
        start = f"{self.training:g} training samples an epoch, regularisation folders ask for {self.regularisation:g}"
        scale = self.training / self.regularisation
        if self.surplus:
            return f"{start}: {self.surplus:g} are surplus, so their repeats are scaled by {scale:g}"
        return f"{start}: their repeats are scaled by {scale:g} to match"


def balanced(subsets: Sequence[PlannedSubset]) -> Balance:
    """The subsets with those of regularisation scaled to the samples of the others."""
    training = sum(each.samples for each in subsets if not each.is_reg)
    regularisation = sum(each.samples for each in subsets if each.is_reg)
    if not training or not regularisation:
        return Balance(tuple(subsets), training, 0.0)
    scale = training / regularisation
    shown = tuple(replace(each, repeats=each.repeats * scale) if each.is_reg else each for each in subsets)
    return Balance(shown, training, regularisation)
