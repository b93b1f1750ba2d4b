"""Cancellation of a query that nobody waits for any more."""

from __future__ import annotations

from collections.abc import Callable

Cancel = Callable[[], bool]  # asked now and then, from the thread that works; True gives up


class Cancelled(Exception):  # noqa: N818 - no error: the caller asked for it
    """The asker took the question back."""


def raise_if_cancelled(cancel: Cancel | None) -> None:
    """Raise `Cancelled` where the question was taken back."""
    if cancel is not None and cancel():
        raise Cancelled
