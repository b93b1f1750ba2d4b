"""Decides where the number of finished steps is kept, for whoever must say it when a run breaks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Clock:
    """Steps done so far."""

    done: int = 0
