"""The first images in an order, shared out between two halves (S004)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError
from curator.select.draws import keys_of

if TYPE_CHECKING:
    from curator.select.pool import Mask, Pool
    from curator.select.rules import PickRules

Places = NDArray[np.intp]


def order_of(pool: Pool, rules: PickRules) -> Places:
    """Places in the pool, best first: high numbers before low ones, ties by id."""
    if rules.by == "random":
        numbers = pool.numbers()
        return np.lexsort((numbers, keys_of(numbers, rules.seed)))
    if rules.by == "id":
        return np.arange(len(pool))
    values = pool.numbers() if rules.by == "post" else pool.values(rules.by)
    return np.lexsort((pool.ids, -values))


def drop_unknown(pool: Pool, rules: PickRules) -> None:
    """What cannot be put in order leaves."""
    if rules.by not in ("random", "post", "id"):
        pool.keep(~np.isnan(pool.values(rules.by)), f"no {rules.by} known")


def take_top(pool: Pool, rules: PickRules, chosen: Mask | None) -> list[str]:
    """Cut the pool to the first `top` of the order; `chosen` says which images make `share` of them.

    Raises:
        UserError: a half is short and the policy is to stop.
    """
    top = rules.top
    if top is None:
        return []
    order = order_of(pool, rules)
    if chosen is None:
        wanted = np.zeros(len(pool), bool)
        wanted[order[:top]] = True
        note = f"{len(pool)} of the {top} wanted: all are taken" if len(pool) < top else ""
        pool.keep(wanted, f"not in the first {top} by {rules.by}")
        return [note] if note else []
    first, second = order[chosen[order]], order[~chosen[order]]
    counts, notes = _counts(len(first), len(second), rules, top)
    wanted = np.zeros(len(pool), bool)
    wanted[first[: counts[0]]] = True
    wanted[second[: counts[1]]] = True
    pool.keep(wanted | ~chosen, f"'{rules.split}' below the first {counts[0]} by {rules.by}")
    rest = ~chosen[wanted | ~chosen]
    pool.keep(wanted[wanted | ~chosen] | ~rest, f"the others below the first {counts[1]} by {rules.by}")
    return notes


def _counts(first: int, second: int, rules: PickRules, top: int) -> tuple[tuple[int, int], list[str]]:
    """How many of either half are taken."""
    wanted = round(top * rules.share)
    other = top - wanted
    if first >= wanted and second >= other:
        return (wanted, other), []
    note = f"wanted {wanted} of '{rules.split}' and {other} others; there are {first} and {second}"
    if rules.shortage == "stop":
        raise UserError(note, "take fewer with --top, or let --shortage shrink or fill")
    if rules.shortage == "fill":
        taken = min(first, max(wanted, top - second))
        counts = taken, min(second, top - taken)
    else:
        whole = min(first / rules.share, second / (1 - rules.share))
        counts = min(first, round(whole * rules.share)), min(second, round(whole * (1 - rules.share)))
    return counts, [f"{note}: {counts[0]} and {counts[1]} are taken ({rules.shortage})"]
