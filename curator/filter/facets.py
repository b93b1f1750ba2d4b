"""Facets: the most common tags of a filter's images, of a sample at once, exact right after.

Of many images the exact answer looks at some that are drawn, counts the tags most common among them in all images, by
their bitmaps, and then every other tag that could be as common, the likeliest first: what is counted already leaves
fewer. Those it leaves out were so rare in the draw that one of them belonging in the list has a chance of one in a
trillion (Chernoff's bound); what is listed is counted, not estimated.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from pyroaring import BitMap

from curator.arrays import np
from curator.filter.cancel import Cancel, raise_if_cancelled
from curator.index.sets.bitmap_file import CHUNK_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag

SAMPLE = 2000
_MORE, _LEFT = (
    6000,
    30,
)  # so many rows drawn further leave so many tags, as a rule, that may belong in the list
_ROWS_A_CHUNK = 6  # so many rows are read in the time of one chunk of a tag's bitmap
_PIECE = 5000
_TRIES = 30_000
_CHANCE = math.log(1e12)


class Facet(NamedTuple):
    """A tag, and how many images of the filter have it (in a sample: about how many)."""

    tag: Tag
    images: int


class Facets(NamedTuple):
    """The most common tags among `images` images, the most common first; exact, or from a sample of `looked_at`.

    `distinct` is how many tags these images have, None where that was not counted.
    """

    images: int
    looked_at: int
    tags: tuple[Facet, ...]
    distinct: int | None = None

    @property
    def exact(self) -> bool:
        return self.looked_at == self.images


def sample_facets(collection: Collection, images: BitMap, limit: int = 50) -> Facets:
    """From some images drawn at random, the same each time; from all where they are few."""
    with collection.reading():
        some = _drawn(images, SAMPLE)
        counts = collection.images.tag_counts(some)
        best = _best(counts, limit)
        scaled = [(tag, round(int(counts[tag]) * len(images) / len(some))) for tag in best]
        return _facets(collection, images, len(some), scaled)


def exact_facets(
    collection: Collection, images: BitMap, limit: int = 50, cancel: Cancel | None = None
) -> Facets:
    """From all images; a `limit` of 0 is all tags. `Cancelled` once `cancel` says so."""
    with collection.reading():
        limit = limit or len(collection.tags.counts()) + 1
        distinct = None
        best = (
            _by_bitmaps(collection, images, limit, cancel) if _are_many(collection, images, limit) else None
        )
        if best is None:
            counts = _by_rows(collection, images, cancel)
            distinct = int(np.count_nonzero(counts))
            best = [(tag, int(counts[tag])) for tag in _best(counts, limit)]
        return _facets(collection, images, len(images), best)._replace(distinct=distinct)


def named_facets(
    collection: Collection, images: BitMap, tags: Iterable[int], cancel: Cancel | None = None
) -> Facets:
    """Of these tags alone those that any of the images has, exactly. `Cancelled` once `cancel` says so."""
    with collection.reading():
        alive, counts = images & collection.images.alive(), list[tuple[int, int]]()
        for tag in tags:
            raise_if_cancelled(cancel)
            if count := collection.bitmaps.count_within(tag, alive):
                counts.append((tag, count))
        return _facets(collection, images, len(images), sorted(counts, key=lambda each: (-each[1], each[0])))


def _by_rows(collection: Collection, images: BitMap, cancel: Cancel | None) -> NDArray[Any]:
    counts = np.zeros(0, np.int64)
    for first in range(0, len(images), _PIECE):
        raise_if_cancelled(cancel)
        counts = _sum(counts, collection.images.tag_counts(list(images[first : first + _PIECE])))
    return counts


def _sum(some: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Counts by tag, each up to the highest tag it has."""
    longer, shorter = (some, others) if len(some) > len(others) else (others, some)
    found = longer.copy()
    found[: len(shorter)] += shorter
    return found


def _are_many(collection: Collection, images: BitMap, limit: int) -> bool:
    """Whether their rows take longer to read than some draws and the bitmaps these leave to be counted."""
    return len(images) > SAMPLE + _MORE + (limit + _LEFT) * _rows_a_bitmap(collection)


def _rows_a_bitmap(collection: Collection) -> int:
    return _ROWS_A_CHUNK * ((collection.images.last_id() >> CHUNK_BITS) + 1)


def _by_bitmaps(
    collection: Collection, images: BitMap, limit: int, cancel: Cancel | None
) -> list[tuple[int, int]] | None:
    """(tag, images); None where so many tags could be as common that reading the rows is quicker."""
    alive = images & collection.images.alive()
    draw = _Draw(collection, images, limit)
    rows_a_bitmap = _rows_a_bitmap(collection)
    if len(draw.listed) < limit:
        return None
    if (len(draw.others(draw.least())) - _LEFT) * rows_a_bitmap > _MORE:
        draw.more(_MORE)
    for _ in collection.bitmaps.keep(draw.listed):  # these are asked for next, as a rule
        raise_if_cancelled(cancel)

    def counted(tag: int) -> tuple[int, int]:
        raise_if_cancelled(cancel)
        return collection.bitmaps.count_within(tag, alive), -tag

    best = [counted(tag) for tag in draw.listed]
    heapq.heapify(best)  # the last of the list comes first
    if not best[0][0]:
        return None
    others = draw.others(best[0][0])
    if len(others) * rows_a_bitmap > len(images):
        return None
    for tag in others:
        least = best[0][0]
        if draw.counts[tag.id] <= draw.too_rare(least):
            break
        if tag.count >= least:
            heapq.heappushpop(best, counted(tag.id))
    return [(-tag, count) for count, tag in sorted(best, reverse=True)]


class _Draw:
    """Images of a filter drawn at random: how many of them have each tag, and the `listed`, most common among them."""

    def __init__(self, collection: Collection, images: BitMap, limit: int) -> None:
        self._collection = collection
        self._images = self._rest = images
        self._limit = limit
        self._size = 0
        self.counts: NDArray[Any] = np.zeros(0, np.int64)
        self.more(SAMPLE)  # these were just read for the sample, as a rule

    def more(self, wanted: int) -> None:
        """Draw further images."""
        drawn = _drawn(self._rest, wanted)
        self.counts = _sum(self.counts, self._collection.images.tag_counts(drawn))
        self._size += len(drawn)
        self._rest = self._rest - BitMap(drawn)
        self.listed = _best(self.counts, self._limit)

    def least(self) -> int:
        """About how many of all images have the last tag listed."""
        return round(int(self.counts[self.listed[-1]]) * len(self._images) / self._size)

    def too_rare(self, least: int) -> int:
        """A tag on so few of the images drawn is on fewer than `least` of all."""
        return _too_rare(least / len(self._images), self._limit, self._size)

    def others(self, least: int) -> list[Tag]:
        """Further tags that may be on `least` of all images, the likeliest first."""
        rare = self.too_rare(least)
        if rare < 0:  # not even a tag that none of those drawn has
            totals = self._collection.tags.counts()
            self.counts = _sum(self.counts, np.zeros(len(totals), np.int64))
            perhaps = totals >= least
        else:
            perhaps = self.counts > rare
        perhaps[self.listed] = False
        found = np.flatnonzero(perhaps)
        likeliest = found[np.argsort(-self.counts[found], kind="stable")].tolist()
        return [tag for tag in self._collection.tags.get(likeliest) if tag.count >= least]


def _drawn(images: BitMap, wanted: int) -> list[int]:
    if len(images) <= wanted:
        return list(images)
    rng = np.random.default_rng(len(images))
    first, beyond = images.min(), images.max() + 1
    tries = (beyond - first) * wanted // len(images)
    if tries < _TRIES:  # dense: asking whether a number is among them is quicker than which one is the n-th
        asked = rng.choice(beyond - first, min(beyond - first, int(tries * 1.2) + 100), replace=False) + first
        met = [number for number in asked.tolist() if number in images]
        if len(met) >= wanted:
            return sorted(met[:wanted])
    ranks = rng.choice(len(images), wanted, replace=False)
    return [images[rank] for rank in np.sort(ranks).tolist()]


def _too_rare(share: float, limit: int, drawn: int) -> int:
    """So few of the images `drawn` have a tag that it is on fewer than `share` of all; -1 where none shows that.

    The chance of an error is that of any tag of the true list, `limit` of them, being as rare in the draw.
    """
    sure = _CHANCE + math.log(limit)
    seen = range(int(share * drawn) + 1)
    return bisect_right(seen, -sure, key=lambda few: -drawn * _divergence(few / drawn, share)) - 1


def _divergence(seen: float, share: float) -> float:
    """Kullback and Leibler's, of two coins of which the first shows less often."""
    if seen >= share:
        return 0.0
    rest = (1 - seen) * math.log((1 - seen) / (1 - share)) if share < 1 else math.inf
    return rest + (seen * math.log(seen / share) if seen else 0.0)


def _best(counts: NDArray[Any], limit: int) -> list[int]:
    """The highest counts, lower tag ids first among equals."""
    found = np.flatnonzero(counts)
    if len(found) > limit:
        as_often = np.bincount(counts[found])[
            ::-1
        ].cumsum()  # how many tags have at least the highest count, and down
        least = len(as_often) - 1 - int(np.searchsorted(as_often, limit))
        found = found[counts[found] >= least]
    return found[np.argsort(-counts[found], kind="stable")][:limit].tolist()


def _facets(collection: Collection, images: BitMap, looked_at: int, counts: list[tuple[int, int]]) -> Facets:
    tags = collection.tags.get([tag for tag, _ in counts])
    return Facets(
        len(images), looked_at, tuple(Facet(tag, count) for tag, (_, count) in zip(tags, counts, strict=True))
    )
