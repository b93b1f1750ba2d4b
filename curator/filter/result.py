"""The result of a filter: a set of images whose rows and order are computed when looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.changes import id_array
from curator.index.sets.bitmaps import of_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.filter.order import Order

Ids: TypeAlias = "NDArray[np.uint32]"
_SHORT = 5000  # rows; longer parts are cut from the array of all ids


class Result:
    """The images of a filter in order. `unknown_tags` are terms that no tag fits: worth a word to the user.

    The count and a page cost next to nothing; `ids` lists all images once.
    """

    def __init__(
        self,
        images: BitMap,
        order: Order | None = None,
        limit: int | None = None,
        unknown_tags: tuple[str, ...] = (),
    ) -> None:
        self._images = images
        self._order = order
        self._length = len(images) if limit is None else min(limit, len(images))
        self._ids: Ids | None = None
        self.unknown_tags = unknown_tags

    def __len__(self) -> int:
        return self._length

    @property
    def ids(self) -> Ids:
        """Every image in order."""
        if self._ids is None:
            ids = self._order.all() if self._order else id_array(self._images)
            self._ids = ids[: self._length]
        return self._ids

    def page(self, first: int, count: int) -> Sequence[int]:
        """Some rows in order, counted from 0."""
        beyond = max(0, min(first + count, self._length))
        if self._ids is not None:
            return self._ids[first:beyond].tolist()
        if self._order is None:
            return list(self._images[first:beyond]) if first < beyond else []
        return self._order.first(beyond)[first:].tolist()

    def part(self, first: int, count: int) -> BitMap:
        """The images of some rows, counted from 0, without their order."""
        if count <= _SHORT:
            return BitMap(self.page(first, count))
        return of_array(self.ids[first : first + count])

    def row_of(self, image: int) -> int | None:
        """Where an image stands, counted from 0; None where it is not in the result."""
        if image not in self._images:
            return None
        if self._order is None:
            row = self._images.rank(image) - 1
            return row if row < self._length else None
        found = np.flatnonzero(self.ids == image)
        return int(found[0]) if len(found) else None

    def bitmap(self) -> BitMap:
        """The images without their order. Shared: copy before changing."""
        return self._images if self._length == len(self._images) else of_array(self.ids)
