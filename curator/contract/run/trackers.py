"""Trackers that a run's numbers go to beside its events: their names, and whether they are installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from curator.contract.errors import UserError

# What each is installed with. All write below the run folder: nothing is sent anywhere.
PACKAGES = {"tensorboard": "pip install 'frieze[train]'", "wandb": "pip install wandb"}


def check_trackers(names: Iterable[str]) -> None:
    """Refuse where a tracker is not installed: it would be passed over in silence.

    Raises:
        UserError: one is not.
    """
    for name in names:
        found = importlib.util.find_spec(name)
        if (
            found is None or found.origin is None
        ):  # a mere folder of that name, such as wandb makes for its runs
            raise UserError(
                f"log.trackers names {name}, which is not installed", f"{PACKAGES[name]}, or leave it out"
            )
