"""Repeats that share an epoch out equally among subsets (B14).

The images of a subset are those it really has: one that an earlier subset takes does not count. Regularisation is
balanced by the freeze itself (`regularise.py`) and has no part in this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.freeze.preview import SubsetShare

DIGITS = 6  # of the repeats: finer is less than one image in a million


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
    """Every subset with images gets the same part of an epoch; the epoch stays as long as it was.

    Raises:
        UserError: nothing is shown that could be shared out.
    """
    filled = [share for share in shares if share.images]
    samples = sum(share.images * share.repeats for share in filled)
    if not samples:
        raise UserError("no subset shows an image", "add subsets, or raise their repeats")
    each = samples / len(filled)
    return [Balanced(s.name, s.images, s.repeats, round(each / s.images, DIGITS)) for s in filled]
