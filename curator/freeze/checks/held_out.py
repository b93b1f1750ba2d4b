"""Findings about validation before a freeze: nothing held out, nothing left to train, copies held out elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.contract.text import counted
from curator.freeze.checks.finding import Finding

if TYPE_CHECKING:
    from curator.freeze.checks.finding import PictureFilters


def held_out(filters: PictureFilters) -> Iterator[Finding]:
    """What came of each subset's validation share."""
    members = filters.members
    for number, (subset, own) in enumerate(zip(filters.spec.subsets, members.ids, strict=True)):
        held, where = members.held_out_of(number), f"subset {subset.name}"
        if subset.validation_share and own and not held:
            what = f"{where}: a validation share of {subset.validation_share:g} holds none of {counted(len(own))} out"
            yield Finding("warn", what, "raise the share, or draw with another validation seed")
        elif held and held == own:
            what = f"{where}: {counted(len(own))}, all of them held out for validation, and none is trained"
            hint = "lower the share, or draw with another validation seed"
            yield Finding("warn", what, hint, filters.members_of(number).named())
        elif held and not subset.validation_share:
            they = counted(len(held), "image is a copy", "images are copies")
            what = f"{where}: {they} of what is held out for validation, so held out too"
            hint = "'frieze dupes' shows copies; leave them out, or give both subsets one share and seed"
            yield Finding("warn", what, hint, filters.of(held))
