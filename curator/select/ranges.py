"""Images drawn from ranges of post numbers (S001): without replacement, by a keyed order.

The method `kohaku` does what the script behind Kohaku XL Delta does: it draws numbers of the range with replacement,
whether or not there is such a post, so it gives fewer images than it draws.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.select.draws import keys_of

if TYPE_CHECKING:
    from curator.select.pool import Mask, Pool
    from curator.select.rules import Method, Range

OUTSIDE = "in no range"


def draw_from_ranges(pool: Pool, ranges: Sequence[Range], method: Method, seed: int) -> list[str]:
    """Cut the pool to what is drawn; gives what is worth saying of it."""
    numbers = pool.numbers()
    within = [_inside(numbers, each) for each in ranges]
    pool.keep(np.any(within, axis=0), OUTSIDE)
    notes: list[str] = []
    generator = random.Random(seed)  # noqa: S311 - the very generator whose draws are repeated here
    for each in ranges:
        numbers = pool.numbers()
        inside = _inside(numbers, each)
        if each.count is None:
            continue
        if method == "kohaku":
            drawn, note = _with_replacement(numbers, inside, each, generator)
        else:
            drawn, note = _keyed(numbers, inside, each, seed)
        pool.keep(~inside | drawn, f"not drawn from {each}")
        notes += [note] if note else []
    return notes


def _inside(numbers: NDArray[np.int64], each: Range) -> Mask:
    inside = numbers >= each.first
    return inside if each.last is None else inside & (numbers <= each.last)


def _keyed(numbers: NDArray[np.int64], inside: Mask, each: Range, seed: int) -> tuple[Mask, str]:
    """The `count` numbers with the smallest keys."""
    places = np.flatnonzero(inside)
    count = each.count or 0
    drawn = np.zeros(len(numbers), bool)
    drawn[places[_smallest(keys_of(numbers[places], seed), count)]] = True
    short = count - len(places)
    return drawn, f"{each} holds {len(places)} of the {count} wanted: all are taken" if short > 0 else ""


def _smallest(keys: NDArray[np.uint64], count: int) -> NDArray[np.bool_]:
    """Which `count` keys are the smallest; of equal ones (two images of one post) the first."""
    if count >= len(keys) or not count:
        return np.full(len(keys), count > 0)
    last = np.partition(keys, count - 1)[count - 1]
    level = keys == last
    spare = count - int(np.count_nonzero(keys < last))
    return (keys < last) | (level & (np.cumsum(level) <= spare))


def _with_replacement(
    numbers: NDArray[np.int64], inside: Mask, each: Range, generator: random.Random
) -> tuple[Mask, str]:
    last = each.last if each.last is not None else int(numbers[inside].max(initial=each.first))
    count = each.count or 0
    draws = np.array(generator.choices(range(each.first, last + 1), k=count), np.int64)
    different = np.unique(draws)
    drawn = inside & np.isin(numbers, different)
    note = (
        f"{each}: {count} draws with replacement gave {len(different)} different numbers, and"
        f" {int(np.count_nonzero(drawn))} images; the method keyed would give {min(count, int(inside.sum()))}"
    )
    return drawn, note
