"""A pick of candidates, with every other one accounted for (S001, S002, S004, S005, B19)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.index.sets.bitmaps import of_array
from curator.select.caps import cap_by_class
from curator.select.images import Images
from curator.select.pool import Candidates, Ids, Pool
from curator.select.ranges import draw_from_ranges
from curator.select.top import drop_unknown, order_of, take_top

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.select.rules import PickRules

KEPT = "kept"
_PIECE = 1 << 15


@dataclass(frozen=True)
class PickResult:
    """The candidates taken, ascending: images of a collection, or places in a dump; `posts` are their numbers.

    `funnel` begins with all candidates and ends with those kept: the rest sums up. `digest` is a sha256 of the post
    numbers taken: equal picks on two machines have equal ones. `unknown_tags` are terms of filters that no tag fits.
    """

    ids: Ids
    posts: NDArray[np.int64]
    funnel: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    digest: str
    unknown_tags: tuple[str, ...] = ()

    def bitmap(self) -> BitMap:
        return of_array(self.ids)


def pick(collection: Collection, rules: PickRules, among: BitMap | None = None) -> PickResult:
    """Take images of a collection, or of those `among`, by `rules`.

    Raises:
        UserError: a broken filter, or a half that is short where that shall stop.
    """
    with collection.reading():
        images = Images(collection, among)
        picked = pick_of(images, rules, "in the collection" if among is None else "in the list")
        return replace(picked, unknown_tags=tuple(dict.fromkeys(images.unknown_tags)))


def pick_of(candidates: Candidates, rules: PickRules, start: str) -> PickResult:
    """Take candidates by `rules`; `start` says in the funnel what all of them are.

    Raises:
        UserError: as `pick`, or a rule that these candidates know nothing of.
    """
    pool = Pool(candidates)
    if rules.filter.strip():
        pool.keep(pool.matching(rules.filter), "not in the filter")
    notes = _keep_listed(pool, rules.posts) if rules.posts is not None else []
    if rules.tags:
        pool.keep(pool.with_any(rules.tags), "has none of the tags of the list")
    if rules.since is not None:
        _keep_since(pool, rules.since)
    if rules.ranges:
        notes += draw_from_ranges(pool, rules.ranges, rules.method, rules.seed)
    pool.keep_images()
    drop_unknown(pool, rules)
    if rules.cap is not None:
        cap_by_class(pool, order_of(pool, rules), rules.cap_class, rules.cap)
    chosen = pool.matching(rules.split) if rules.split else None
    notes += take_top(pool, rules, chosen)
    funnel = ((start, pool.total), *pool.funnel.items(), (KEPT, len(pool)))
    posts = np.sort(pool.numbers())
    return PickResult(pool.ids, posts, funnel, tuple(notes), _digest(posts))


def _keep_listed(pool: Pool, posts: NDArray[np.int64]) -> list[str]:
    numbers = pool.values("post")
    pool.keep(np.isin(numbers, posts), "not in the list of posts")
    absent = len(np.setdiff1d(posts, numbers))
    return [f"{absent} posts of the list are not here"] if absent else []


def _keep_since(pool: Pool, since: int) -> None:
    posted = pool.values("posted")
    pool.keep(~np.isnan(posted), "no date known")
    pool.keep(pool.values("posted") >= since, "posted before the date")


def _digest(posts: NDArray[np.int64]) -> str:
    return hashlib.sha256(lines_of(posts)).hexdigest()


def lines_of(numbers: NDArray[np.int64]) -> bytes:
    """Numbers from 0 on in decimal digits, one a line, without a break at the end: of millions in no time."""
    pieces = (numbers[at : at + _PIECE] for at in range(0, len(numbers), _PIECE))
    return b"\n".join(_lines_of_some(piece) for piece in pieces)


def _lines_of_some(numbers: NDArray[np.int64]) -> bytes:
    width = len(str(int(numbers.max())))
    lengths = np.searchsorted(10 ** np.arange(1, width), numbers, "right") + 1
    digits = np.full((len(numbers), width + 1), ord("\n"), np.uint8)
    rest = numbers
    for column in range(width - 1, -1, -1):
        above = rest // 10
        digits[:, column] = rest - above * 10 + ord("0")
        rest = above
    return digits[np.arange(width + 1) >= width - lengths[:, None]].tobytes()[:-1]
