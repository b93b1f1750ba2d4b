"""A score made of class probabilities: the probability of one label, or a mean of the labels' weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from curator.contract.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from curator.contract.tagging.zoo import ModelRow
    from tag_models.model import Floats


def scored(names: Sequence[str], row: ModelRow) -> Callable[[Floats], Floats]:
    """What makes scores [n, 1] of probabilities [n, labels] whose labels are called `names`.

    Raises:
        UserError: the model has no such labels.
    """
    weights = row.weigh or ({row.positive: 1.0} if row.positive else {names[0]: 1.0} if names else {})
    numbers = {name.lower(): number for number, name in enumerate(names)}
    by_label = np.zeros((len(names), 1), np.float32)
    for name, weight in weights.items():
        if name.lower() not in numbers:
            raise UserError(f"the model has no label '{name}'", did_you_mean(name, names))
        by_label[numbers[name.lower()]] = weight
    return lambda values: values @ by_label
