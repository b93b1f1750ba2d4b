"""Progress of a long job, reported to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]  # items done, items in all; may raise to stop the job


def silent(done: int, total: int) -> None:
    """Report nothing."""
