"""Spill: memory of the device that its driver lays into the system's without a word, where all grows slow.

Drivers of NVIDIA do so under Windows and WSL in the place of an error: the process then holds more than the device has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from train.report import Reporter


def spilled_bytes() -> int:
    """How much more this process holds than its device has; 0 where there is none, or nothing is known."""
    if not torch.cuda.is_available():
        return 0
    has = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return max(0, torch.cuda.memory_reserved() - has)


class SpillWatch:
    """Tells once that a run has spilled."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._told = False

    def look(self, step: int) -> None:
        """After a step."""
        if self._told or not (spilled := spilled_bytes()):
            return
        self._told = True
        self._reporter.warn(
            f"step {step:,}: {spilled / 2**20:,.0f} MiB of the device's memory lie in the system's, which is slow",
            "use a smaller batch.size, precision.gradient_checkpointing or precision.offload in a new run",
        )
