"""Caps of a pick: how many images of one artist (or another class of tags) it takes (S005)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from curator.select.pool import Pool
    from curator.select.top import Places


def cap_by_class(pool: Pool, order: Places, cls: str, cap: int) -> None:
    """Walk the pool in order; an image leaves when any of its tags of the class has `cap` images already."""
    groups = pool.tags_of_class(cls)
    taken: Counter[int] = Counter()
    fits = np.ones(len(pool), bool)
    for place in order.tolist():
        tags = groups.get(int(pool.ids[place]), ())
        if any(taken[tag] >= cap for tag in tags):
            fits[place] = False
        else:
            taken.update(tags)
    pool.keep(fits, f"more than {cap} of one {cls}")
