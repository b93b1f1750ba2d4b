"""Stochastic rounding of float32 to bfloat16: up or down at random, and right on average.

A step is often smaller than half the distance of two bfloat16 numbers, so that rounding to the nearest loses it each
time. The sixteen bits that fall off are added to a random number of sixteen bits first: what is carried is rounded up.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LOST_BITS = 16


def rounded(values: Tensor, generator: torch.Generator) -> Tensor:
    """float32 `values` of any shape as bfloat16; `generator` is on their device.

    Expected is each value itself; what bfloat16 holds, or is no finite number, comes out as it is.
    """
    bits = values.contiguous().view(torch.int32)
    chance = torch.empty_like(bits).random_(1 << _LOST_BITS, generator=generator)
    moved = bits.add(chance).bitwise_and_(-1 << _LOST_BITS).view(torch.float32)
    return torch.where(values.isfinite(), moved, values).to(torch.bfloat16)
