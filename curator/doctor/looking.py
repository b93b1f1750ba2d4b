"""The look at everything that Frieze works with: terminal, GPU, packages, disk, permissions, collection, hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.doctor.gpu import ask, gpu_checks
from curator.doctor.packages import package_checks, python_checks
from curator.doctor.places import collection_checks, disk_checks, permission_checks, token_checks
from curator.doctor.terminal import terminal_checks

if TYPE_CHECKING:
    from pathlib import Path

    from curator.doctor.finding import Checked


def look(collection: Path | None, *, quick: bool) -> list[Checked]:
    """Look at everything, with the collection in that folder if there is one; with `quick` without PyTorch."""
    asked = ask(quick=quick)
    rest = [
        *python_checks(),
        *package_checks(),
        *disk_checks(collection),
        *permission_checks(collection),
        *collection_checks(collection),
        *token_checks(),
    ]
    return [*terminal_checks(), *gpu_checks(asked), *rest]
