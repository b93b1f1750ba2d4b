"""Decides the repeats that share an epoch out: equally among subsets, or by kohya's rule for regularisation (S045).

The pictures of a subset are those it really has: one that an earlier subset takes does not count.
"""

from __future__ import annotations

from collections.abc import Collection as Some
from collections.abc import Sequence
from dataclasses import dataclass

from curator.contract.errors import UserError, did_you_mean
from curator.freeze.preview import SubsetShare

DIGITS = 6  # of the repeats: finer is less than one picture in a million


@dataclass(frozen=True)
class Balanced:
    """The repeats a subset would have, and what it was."""

    name: str
    images: int
    before: float
    repeats: float

    @property
    def samples(self) -> float:
        return self.images * self.repeats


def equal_shares(shares: Sequence[SubsetShare]) -> list[Balanced]:
    """Every subset with pictures gets the same part of an epoch; the epoch stays as long as it was.

    Raises:
        UserError: nothing is shown that could be shared out.
    """
    filled = [share for share in shares if share.images]
    samples = sum(share.images * share.repeats for share in filled)
    if not samples:
        raise UserError("no subset shows a picture", "add subsets, or raise their repeats")
    each = samples / len(filled)
    return [Balanced(s.name, s.images, s.repeats, round(each / s.images, DIGITS)) for s in filled]


def regularised(shares: Sequence[SubsetShare], names: Some[str]) -> tuple[list[Balanced], float]:
    """The subsets `names` get together as many samples as the others give; and their surplus before (or below 0).

    kohya would leave the surplus unused; with real repeats every picture comes in turn instead.

    Raises:
        UserError: an unknown subset, or one side shows nothing.
    """
    known = [share.name for share in shares]
    for name in names:
        if name not in known:
            raise UserError(f"there is no subset '{name}'", did_you_mean(name, known))
    training = sum(s.images * s.repeats for s in shares if s.name not in names)
    chosen = [s for s in shares if s.name in names]
    own = sum(s.images * s.repeats for s in chosen)
    if not training or not own:
        raise UserError("there is nothing to balance", "both sides need pictures and repeats above 0")
    scale = training / own
    changed = [Balanced(s.name, s.images, s.repeats, round(s.repeats * scale, DIGITS)) for s in chosen]
    return changed, own - training
