"""Copies of images (B16), exact or near, and which of them is the best.

A group is a best image and all that are within the distance of *it*: looks never drift along a chain. Images that a
person marked to keep come first and those rejected last; then the order asked for, then pixels, tags, a caption,
bytes and the path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError, did_you_mean
from curator.filter.language.fields import is_score, score_name
from curator.index.changes.changes import id_array
from curator.index.sets.bitmaps import Flag
from curator.index.sets.columns import COUNTS
from curator.scan.copies.near import MAX_DISTANCE, near_pairs

if TYPE_CHECKING:
    from curator.index.collection import Collection

Best = Literal["size", "score", "fav", "bytes"]
BEST: tuple[Best, ...] = get_args(Best)
_READ = 1 << 14
_Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Copy:
    """An image of a group that is not the best: how many bits of its looks differ, and if its content is the same."""

    image: int
    distance: int
    exact: bool


@dataclass(frozen=True)
class Group:
    """Images of one image."""

    best: int
    copies: tuple[Copy, ...]


def find_groups(
    collection: Collection,
    ids: Sequence[int] | NDArray[np.uint32],
    distance: int | None = None,
    best: str = "size",
) -> list[Group]:
    """Groups of equal content, or with a `distance` of equal looks as well (see `fingerprint.fill`).

    `best` is one of `Best`, or `score(NAME)`; what has no number comes last.

    Raises:
        UserError: a distance at which unlike images meet, or an order that is none.
    """
    if distance is not None:
        check_distance(distance)
    check_best(best)
    with collection.reading():
        content = collection.columns.of("content")
        images = np.unique(np.asarray(ids, np.int64))
        images = images[(images < len(content)) & (content[np.minimum(images, len(content) - 1)] > 0)]
        alike = _repeated(content[images])
        looks = _NO_LOOKS
        if distance is not None:
            numbers, is_known = _numbers(collection, images)
            looks = _Looks(numbers[is_known], distance)
            alike[is_known] |= looks.are_met(numbers[is_known])
            numbers, is_known = numbers[alike], is_known[alike]
        else:
            numbers, is_known = np.zeros(alike.sum(), np.uint64), np.zeros(alike.sum(), bool)
        images = images[alike]
        order = ranking(collection, images, best)
        contents = [sha for _, sha in collection.images.contents(images.tolist())]
    places = np.where(is_known, looks.places_of(numbers), -1)
    likeness = _Similarity([contents[at] for at in order.tolist()], places[order].tolist(), looks)
    return _grouped(images[order].tolist(), likeness)


def check_distance(distance: int) -> None:
    """Refuse a distance at which unlike images meet."""
    if not 0 <= distance <= MAX_DISTANCE:
        raise UserError(f"the distance is {distance}", f"give 0 to {MAX_DISTANCE}; 4 to 8 are usual")


def check_best(best: str) -> None:
    """Refuse an order that is none."""
    if best not in BEST and not is_score(best):
        hint = did_you_mean(best, (*BEST, "score(NAME)"))
        raise UserError(f"the best cannot be told by '{best}'", hint)


def _repeated(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values come more than once."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[inverse] > 1


def _numbers(collection: Collection, images: _Ids) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """How images look, ascending by id, and whether that is known."""
    numbers, is_known = np.zeros(len(images), np.uint64), np.zeros(len(images), bool)
    for at in range(0, len(images), _READ):
        contents = [sha for _, sha in collection.images.contents(images[at : at + _READ].tolist())]
        known = collection.fingerprints.of(contents)
        found = [known.get(content) for content in contents]
        numbers[at : at + _READ] = [number or 0 for number in found]
        is_known[at : at + _READ] = [number is not None for number in found]
    return numbers, is_known


def ranking(collection: Collection, images: _Ids, best: str) -> _Ids:
    """The places of images (ascending ids) in order, the best first."""
    widths, heights, file_bytes = (
        collection.columns.of(name)[images].astype(np.int64) for name in ("width", "height", "file_bytes")
    )
    area = widths * heights
    if best in ("size", "bytes"):
        values = area if best == "size" else file_bytes
    else:
        length = int(images.max(initial=0)) + 1
        of_posts, of_models = collection.metadata.floats, collection.scores.of
        known = of_models(score_name(best), length) if is_score(best) else of_posts(best, length)
        values = np.nan_to_num(known, nan=-np.inf)[images]
    keep, reject, captioned = (
        np.isin(images, id_array(collection.bitmaps.of(flag)))
        for flag in (Flag.KEEP, Flag.REJECT, Flag.CAPTIONED)
    )
    tags = collection.columns.of(COUNTS)[images].astype(np.int64)
    paths = collection.images.path_order(images.tolist())
    return np.lexsort((paths, -file_bytes, ~captioned, -tags, -area, -values, reject, ~keep))


class _Looks:
    """Which of many numbers are near each other: each number once, ascending, and those near it, the nearest first."""

    def __init__(self, numbers: NDArray[np.uint64], distance: int) -> None:
        self._numbers, counts = np.unique(numbers, return_counts=True)
        one, other, bits = near_pairs(self._numbers, distance)
        both = np.concatenate((one, other)).astype(np.int32)
        order = np.lexsort((np.concatenate((bits, bits)), both))
        self._others = np.concatenate((other, one)).astype(np.int32)[order]
        self._bits = np.concatenate((bits, bits))[order]
        self._ends = np.cumsum(np.bincount(both, minlength=len(self._numbers)))
        self._is_met = (counts > 1) | (np.diff(self._ends, prepend=0) > 0)

    def places_of(self, numbers: NDArray[np.uint64]) -> _Ids:
        """Where numbers stand among them."""
        return np.searchsorted(self._numbers, numbers)

    def are_met(self, numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the numbers another image has too, or one near it."""
        return self._is_met[self.places_of(numbers)]

    def near(self, place: int) -> Iterator[tuple[int, int]]:
        """(place, bits) of the numbers near one."""
        own = slice(int(self._ends[place - 1]) if place else 0, int(self._ends[place]))
        return zip(self._others[own].tolist(), self._bits[own].tolist(), strict=True)


_NO_LOOKS = _Looks(np.empty(0, np.uint64), 0)


class _Similarity:
    """Which places of the ranked images are copies of one, by content and by looks.

    `looks` are places among the numbers, -1 where an image has none.
    """

    def __init__(self, contents: Sequence[bytes], looks: Sequence[int], numbers: _Looks) -> None:
        self._contents, self._looks, self._numbers = contents, looks, numbers
        self._same_content = _places(contents)
        self._same_looks = _places(looks)

    def copies_of(self, place: int) -> Iterator[tuple[int, int, bool]]:
        """(place, distance, equal content) of every copy, the nearest first."""
        content, look = self._contents[place], self._looks[place]
        yield from ((other, 0, True) for other in self._same_content[content])
        if look >= 0:
            yield from ((other, 0, False) for other in self._same_looks[look])
            for near, bits in self._numbers.near(look):
                yield from ((other, bits, False) for other in self._same_looks.get(near, ()))


_Value = TypeVar("_Value", bytes, int)


def _places(values: Sequence[_Value]) -> dict[_Value, list[int]]:
    places: dict[_Value, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    return places


def _grouped(ranked: Sequence[int], likeness: _Similarity) -> list[Group]:
    """The best image left takes all of its copies that are left."""
    taken: set[int] = set()
    groups: list[Group] = []
    for place, image in enumerate(ranked):
        if place in taken:
            continue
        taken.add(place)
        copies: list[Copy] = []
        for other, bits, exact in likeness.copies_of(place):
            if other not in taken:
                taken.add(other)
                copies.append(Copy(ranked[other], bits, exact))
        if copies:
            groups.append(Group(image, tuple(copies)))
    return groups
