"""Facets: the most common tags of a filter's images, of a sample at once, exact right after.

Of many images the exact answer looks at those drawn for the sample, counts the tags most common among them in all
images, by their bitmaps, and then every other tag that could be as common. Those it leaves out were so rare in the
draw that one of them belonging in the list has a chance of one in a trillion (Chernoff's bound); what is listed is
counted, not estimated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.filter.cancel import Cancel, raise_if_cancelled

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag

SAMPLE = 2000
_MORE, _MANY = (
    8000,
    60,
)  # where so many bitmaps were to be counted, more rows are drawn first: they leave a third
_ROWS = 15_000  # up to so many images are read row by row
_ROWS_A_BITMAP = 100  # so many rows are read in the time of one tag's bitmap
_PIECE = 5000
_TRIES = 30_000
_CHANCE = math.log(1e12)


@dataclass(frozen=True)
class Facet:
    """A tag, and how many images of the filter have it (in a sample: about how many)."""

    tag: Tag
    images: int


@dataclass(frozen=True)
class Facets:
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
        best = _by_bitmaps(collection, images, limit, cancel) if len(images) > max(_ROWS, SAMPLE) else None
        if best is None:
            counts = _by_rows(collection, images, cancel)
            distinct = int(np.count_nonzero(counts))
            best = [(tag, int(counts[tag])) for tag in _best(counts, limit)]
        return replace(_facets(collection, images, len(images), best), distinct=distinct)


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
    counts = np.zeros(len(collection.tags.counts()), np.int64)
    for first in range(0, len(images), _PIECE):
        raise_if_cancelled(cancel)
        more = collection.images.tag_counts(list(images[first : first + _PIECE]))
        counts[: len(more)] += more
    return counts


def _by_bitmaps(
    collection: Collection, images: BitMap, limit: int, cancel: Cancel | None
) -> list[tuple[int, int]] | None:
    """(tag, images); None where so many tags could be as common that reading the rows is quicker."""
    totals = collection.tags.counts()
    alive = images & collection.images.alive()
    drawn = _counts_drawn(collection, images, SAMPLE)  # just read for the sample, as a rule

    def counted(tag: int) -> tuple[int, int]:
        raise_if_cancelled(cancel)
        return tag, collection.bitmaps.count_within(tag, alive)

    listed = _best(drawn, limit)
    for tag in listed:
        raise_if_cancelled(cancel)
        collection.bitmaps.of(tag)  # kept: these are asked for next, as a rule
    first = [counted(tag) for tag in listed]
    least = min((count for _, count in first), default=0)
    if len(first) < limit or not least:
        return None
    share = least / len(images)
    perhaps = (drawn > _too_rare(share, len(totals), SAMPLE)) & (totals >= least)
    perhaps[listed] = False
    if np.count_nonzero(perhaps) > _MANY:
        perhaps &= _counts_drawn(collection, images, _MORE) > _too_rare(share, len(totals), _MORE)
    others = np.flatnonzero(perhaps).tolist()
    if len(others) * _ROWS_A_BITMAP > len(images):
        return None
    return sorted([*first, *map(counted, others)], key=lambda each: (-each[1], each[0]))[:limit]


def _counts_drawn(collection: Collection, images: BitMap, wanted: int) -> NDArray[Any]:
    """How many of so many images drawn have each tag."""
    counts = collection.images.tag_counts(_drawn(images, wanted))
    tags = len(collection.tags.counts())
    return np.pad(counts[:tags], (0, max(0, tags - len(counts))))


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


def _too_rare(share: float, tags: int, drawn: int) -> int:
    """So few of the images `drawn` have a tag that it is on fewer than `share` of all; -1 where none shows that."""
    for seen in range(int(share * drawn), -1, -1):
        if drawn * _divergence(seen / drawn, share) > _CHANCE + math.log(tags):
            return seen
    return -1


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
