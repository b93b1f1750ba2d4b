"""Regularisation images of a plan: an epoch has as many samples of them as of others (S045, S047).

That is done at the freeze, by kohya's rule; here it is only counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.interop.plan import PlannedSubset


def balance_sentence(subsets: Sequence[PlannedSubset]) -> str:
    """How training and regularisation samples stand to each other; empty where there are not both."""
    training = sum(each.samples for each in subsets if not each.is_reg)
    regularisation = sum(each.samples for each in subsets if each.is_reg)
    if not training or not regularisation:
        return ""
    start = f"{training:g} training samples an epoch, regularisation folders ask for {regularisation:g}"
    if regularisation > training:
        surplus = regularisation - training
        are = "is" if surplus == 1 else "are"
        return f"{start}: {surplus:g} {are} surplus and {are} left out at the freeze"
    return (
        f"{start}: at the freeze they are shown more often, to match" if regularisation < training else start
    )
