"""What makes probabilities of a model's last numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from curator.contract.tagging.zoo import Activation
    from tag_models.model import Floats


def activated(values: Floats, activation: Activation) -> Floats:
    """Logits [n, labels] as probabilities; "none" where they are already."""
    match activation:
        case "sigmoid":
            with np.errstate(over="ignore"):  # of a number far below 0, which gives 0
                return np.float32(1) / (np.float32(1) + np.exp(-values))
        case "softmax":
            grown = np.exp(values - values.max(axis=1, keepdims=True))
            return grown / grown.sum(axis=1, keepdims=True)
        case "none":
            return values
