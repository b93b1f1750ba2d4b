"""Learning-rate schedules: pure functions of the step, so a resume restores no state.

Step counts from 0. Warm-up rises to the full rate in `warmup_steps` equal parts, the first step included,
so no step is wasted at a rate of zero (S054).
"""

from __future__ import annotations

import math

from curator.contract.errors import UserError, did_you_mean

SCHEDULES = ("constant", "cosine")


def rate_factor(name: str, step: int, total_steps: int, warmup_steps: int, min_ratio: float) -> float:
    """What the base learning rate is multiplied with at `step`."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if name == "constant":
        return 1.0
    if name == "cosine":
        done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return min_ratio + (1.0 - min_ratio) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    raise UserError(f"no schedule is called '{name}'", did_you_mean(name, SCHEDULES))
