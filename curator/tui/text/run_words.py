"""What is said of runs before they are deleted or suspended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.text import counted
from curator.runs.words import bytes_in_words

if TYPE_CHECKING:
    from curator.session.training.runs import Belongings


def lost_in_words(held: Belongings) -> str:
    """What goes with a run."""
    return (
        f"Lost for good: {counted(held.weights, 'file')} of weights, {counted(held.states, 'saved state')}, "
        f"{counted(held.samples, 'sample')}; {bytes_in_words(held.all_bytes)}."
    )
