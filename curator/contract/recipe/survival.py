"""Knobs of what a run outlives: bad numbers, bad images, images that are no longer what was frozen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from curator.contract.recipe.knobs import knob


@dataclass(frozen=True)
class Survival:
    """What a run goes on from, and where it stops."""

    nan_steps: int = knob(
        10,
        "steps whose loss or gradient is NaN or infinite that may be left out; 0: the run stops at the first",
        unit="steps",
        low=0,
        high=10**6,
    )
    nan_in_a_row: int = knob(
        3,
        "such steps one after the other at which it stops: the training has diverged",
        unit="steps",
        low=1,
        high=10**6,
    )
    nan_repeats: int = knob(
        2,
        "such steps after which an image that they have in common is trained no more",
        unit="steps",
        low=1,
        high=1000,
    )
    bad_images: float = knob(
        0.01,
        "share of the images that may be left out, at least 1 image, before the run stops",
        low=0.0,
        high=1.0,
    )
    changed_images: Literal["stop", "skip"] = knob(
        "stop",
        "an image that is gone or was changed since the freeze: stop the run, or go on without it",
        choices=("stop", "skip"),
    )
