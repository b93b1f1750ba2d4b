"""Measurement of one figure: the median of several turns, beside its reference and the goal."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Table:
    """Rows of figures, printed as they come and kept for the end."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, what: str, figure: str, reference: str = "", goal: str = "") -> None:
        """One line."""
        self.rows.append((what, figure, reference, goal))
        print(f"  {what:<52} {figure:<30} {reference:<42} {goal}", flush=True)

    def markdown(self) -> str:
        """All lines as a table for docs/performance.md."""
        lines = ["| what | Frieze | reference, same run | goal |", "|---|---|---|---|"]
        return "\n".join(lines + [f"| {' | '.join(row)} |" for row in self.rows])


def timed(action: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds, and what came of it."""
    begun = time.perf_counter()
    value = action()
    return (time.perf_counter() - begun) * 1e3, value


def median_ms(action: Callable[[], object], turns: int = 5, budget_s: float = 3.0) -> float:
    """The median of up to so many turns, fewer where they take long."""
    found: list[float] = []
    while len(found) < turns and (not found or sum(found) < budget_s * 1e3):
        found.append(timed(action)[0])
    return sorted(found)[len(found) // 2]


def percentile(values: list[float], share: float) -> float:
    """The value that so large a share does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def ms(value: float) -> str:
    """Milliseconds for people."""
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


def rss_mb() -> float:
    """Memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def peak_mb() -> float:
    """The most memory this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def evict(path: Path) -> None:
    """Drop a file from the page cache, so that reading it is cold (the host below may still have it)."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)
