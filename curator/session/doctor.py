"""Doctor: what Frieze works with on this machine, and what is amiss; a collection is looked at, not opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from curator.doctor.finding import Checked


def look_around(collection: Path | None, *, quick: bool = False) -> list[Checked]:
    """Everything that was looked at, by part; with `quick` PyTorch is not started."""
    from curator.doctor.looking import look

    return look(collection, quick=quick)
