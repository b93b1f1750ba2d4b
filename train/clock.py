"""The number of finished steps, kept for whoever reports it when a run breaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Steps done so far."""

    done: int = 0
