"""One commit of the journal, as it is told."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class State(IntEnum):
    """What became of a commit."""

    STANDS = 0
    UNDONE = 1  # and may be done again
    LEFT_BEHIND = 2  # undone, then its actor did something else


class Commit(NamedTuple):
    """One line of the history. `id` is 0 where an edit had nothing to do: then nothing is kept.

    `skipped` counts what an undo (or redo) left as it is, because later commits had changed it: images, and values of
    subsets, rules and the like. `skipped_values` names the latter for whoever undoes.
    """

    id: int
    at: float
    actor: str
    what: str
    images_changed: int
    undone: bool = False
    skipped: int = 0
    skipped_values: tuple[str, ...] = ()
