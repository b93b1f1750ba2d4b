"""Decides which tags are said to be common among the images of a filter: a sample at once, exact right after."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.filter.cancel import Cancel, check
from curator.index.collection import Collection
from curator.index.tag_table import Tag

SAMPLE = 2000
_ROWS = (
    60_000  # up to so many images are read row by row; for more, the tags' bitmaps are cut with the result
)
_PIECE = 5000


@dataclass(frozen=True)
class Facet:
    """A tag, and how many images of the filter have it (in a sample: about how many)."""

    tag: Tag
    images: int


@dataclass(frozen=True)
class Facets:
    """The most common tags among `images` images, the most common first; exact, or from a sample of `looked_at`."""

    images: int
    looked_at: int
    tags: tuple[Facet, ...]

    @property
    def exact(self) -> bool:
        return self.looked_at == self.images


def sample_facets(collection: Collection, images: BitMap, limit: int = 50) -> Facets:
    """From some images spread evenly over the result; from all where they are few."""
    with collection.reading():
        step = -(-len(images) // SAMPLE) if images else 1
        some = images[::step] if step > 1 else images
        counts = _counted(collection, some)
        best = _best(counts, limit)
        scaled = [(tag, round(int(counts[tag]) * len(images) / len(some))) for tag in best]
        return _facets(collection, images, len(some), scaled)


def exact_facets(
    collection: Collection, images: BitMap, limit: int = 50, cancel: Cancel | None = None
) -> Facets:
    """From all images. `Cancelled` once `cancel` says so."""
    with collection.reading():
        if len(images) > _ROWS:
            best = _by_bitmaps(collection, images, limit, cancel)
        else:
            counts = _by_rows(collection, images, cancel)
            best = [(tag, int(counts[tag])) for tag in _best(counts, limit)]
        return _facets(collection, images, len(images), best)


def _by_rows(collection: Collection, images: BitMap, cancel: Cancel | None) -> NDArray[Any]:
    counts = np.zeros(len(collection.tags.counts()), np.int64)
    for first in range(0, len(images), _PIECE):
        check(cancel)
        counts = _sum(counts, _counted(collection, images[first : first + _PIECE]))
    return counts


def _by_bitmaps(
    collection: Collection, images: BitMap, limit: int, cancel: Cancel | None
) -> list[tuple[int, int]]:
    """Tags from the most common on, until no other can have as many images as the last of those found."""
    totals = collection.tags.counts()
    alive = images & collection.images.alive()
    best: list[tuple[int, int]] = []  # a heap of (images, -tag)
    for tag in np.argsort(-totals, kind="stable").tolist():
        check(cancel)
        if totals[tag] == 0 or (len(best) == limit and totals[tag] < best[0][0]):
            break
        found = collection.bitmaps.of(tag).intersection_cardinality(alive)
        if found:
            keep = heapq.heappushpop if len(best) == limit else _push
            keep(best, (found, -tag))
    return [(-tag, found) for found, tag in sorted(best, reverse=True)]


def _push(heap: list[tuple[int, int]], entry: tuple[int, int]) -> None:
    heapq.heappush(heap, entry)


def _counted(collection: Collection, images: BitMap) -> NDArray[Any]:
    return np.bincount(collection.images.tag_rows(images).values)


def _best(counts: NDArray[Any], limit: int) -> list[int]:
    """The highest counts, lower tag ids first among equals."""
    found = np.flatnonzero(counts)
    return found[np.argsort(-counts[found], kind="stable")][:limit].tolist()


def _sum(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    longer = longer.copy()
    longer[: len(shorter)] += shorter
    return longer


def _facets(collection: Collection, images: BitMap, looked_at: int, counts: list[tuple[int, int]]) -> Facets:
    tags = collection.tags.get([tag for tag, _ in counts])
    return Facets(
        len(images), looked_at, tuple(Facet(tag, count) for tag, (_, count) in zip(tags, counts, strict=True))
    )
