"""Decides which images are the same picture (B16), exactly or nearly, and which of them is the best.

A group is a best image and all that are within the distance of *it*: looks never drift along a chain. Images that a
person marked to keep come first; then the order asked for, then size, bytes and the lowest number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from curator.contract.errors import UserError
from curator.index.collection import Collection
from curator.index.images import ImageRow
from curator.scan.near import MAX_DISTANCE, near_pairs

Best = Literal["size", "score", "fav", "bytes"]
_READ = 5000


@dataclass(frozen=True)
class Copy:
    """An image of a group that is not the best: how many bits of its looks differ, and if its content is the same."""

    image: int
    distance: int
    exact: bool


@dataclass(frozen=True)
class Group:
    """Images of one picture."""

    best: int
    copies: tuple[Copy, ...]


def find_groups(
    collection: Collection, ids: Sequence[int], distance: int | None = None, best: Best = "size"
) -> list[Group]:
    """Groups of equal content, or with a `distance` of equal looks as well (see `fingerprint.fill`).

    Raises:
        UserError: a distance at which unlike pictures meet.
    """
    if distance is not None:
        check_distance(distance)
    rows = _ranked(collection, ids, best)
    contents = [bytes.fromhex(row.sha256) for row in rows]
    if distance is None:
        return _grouped(rows, _Likeness(contents, [None] * len(rows), 0))
    known = collection.fingerprints.of(contents)
    return _grouped(rows, _Likeness(contents, [known.get(each) for each in contents], distance))


def check_distance(distance: int) -> None:
    """Refuse a distance at which unlike pictures meet."""
    if not 0 <= distance <= MAX_DISTANCE:
        raise UserError(f"the distance is {distance}", f"give 0 to {MAX_DISTANCE}; 4 to 8 are usual")


def _ranked(collection: Collection, ids: Sequence[int], best: Best) -> list[ImageRow]:
    rows = [row for at in range(0, len(ids), _READ) for row in collection.rows(ids[at : at + _READ])]
    if best in ("size", "bytes"):
        values = {row.id: row.width * row.height if best == "size" else row.file_bytes for row in rows}
    else:
        column = np.nan_to_num(collection.metadata.floats(best, max(ids, default=0) + 1), nan=-np.inf)
        values = {row.id: column[row.id] for row in rows}

    def place(row: ImageRow) -> tuple[bool, float, int, int, int]:
        return row.mark != 1, -values[row.id], -row.width * row.height, -row.file_bytes, row.id

    return sorted(rows, key=place)


class _Likeness:
    """Which places of the ranked rows are copies of one, by content and by looks."""

    def __init__(self, contents: Sequence[bytes], looks: Sequence[int | None], distance: int) -> None:
        self._contents = contents
        self._looks = looks
        self._same_content = _places(contents)
        self._same_looks = _places(looks)
        self._near: dict[int, list[tuple[int, int]]] = {}
        values = np.array(sorted(value for value in self._same_looks if value is not None), np.uint64)
        for one, other, bits in zip(*(each.tolist() for each in near_pairs(values, distance)), strict=True):
            left, right = int(values[one]), int(values[other])
            self._near.setdefault(left, []).append((right, bits))
            self._near.setdefault(right, []).append((left, bits))

    def copies_of(self, place: int) -> Iterator[tuple[int, int, bool]]:
        """(place, distance, equal content) of every copy, the nearest first."""
        content, look = self._contents[place], self._looks[place]
        yield from ((other, 0, True) for other in self._same_content[content])
        if look is not None:
            yield from ((other, 0, False) for other in self._same_looks[look])
            for value, bits in sorted(self._near.get(look, ()), key=lambda pair: pair[1]):
                yield from ((other, bits, False) for other in self._same_looks[value])


_Value = TypeVar("_Value", bytes, int | None)


def _places(values: Sequence[_Value]) -> dict[_Value, list[int]]:
    places: dict[_Value, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    return places


def _grouped(rows: Sequence[ImageRow], likeness: _Likeness) -> list[Group]:
    """The best image left takes all of its copies that are left."""
    taken: set[int] = set()
    groups: list[Group] = []
    for place, row in enumerate(rows):
        if place in taken:
            continue
        taken.add(place)
        copies: list[Copy] = []
        for other, bits, exact in likeness.copies_of(place):
            if other not in taken:
                taken.add(other)
                copies.append(Copy(rows[other].id, bits, exact))
        if copies:
            groups.append(Group(row.id, tuple(copies)))
    return groups
