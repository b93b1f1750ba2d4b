"""The order of a result: by id, or by the keys asked for, ties by id. The first page comes without the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pyroaring import BitMap

from curator.arrays import np
from curator.filter.numbers import numbers
from curator.filter.scanned import text_ranks
from curator.index.changes.changes import id_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.filter.cancel import Cancel
    from curator.filter.language.tree import Sort
    from curator.index.collection import Collection

Ids: TypeAlias = "NDArray[np.uint32]"
Places: TypeAlias = "NDArray[np.int64]"
_RADIX_BITS = 48
_FIRST = 2000  # so many rows from the top are found without putting all in order


class Order:
    """The order of some images. Keys are taken when it is made, so a later edit cannot mix two orders."""

    def __init__(
        self, collection: Collection, images: BitMap, sorts: Sequence[Sort], cancel: Cancel | None = None
    ) -> None:
        ids: Ids = id_array(images)
        keys = [_rising(_keys(collection, ids, sort.field, cancel), sort.descending) for sort in sorts]
        self._unsorted: tuple[Ids, list[NDArray[Any]]] | None = (ids, keys)
        self._all: Ids = ids

    def first(self, count: int) -> Ids:
        """The first rows."""
        unsorted = self._unsorted
        if unsorted is None or not 0 < count <= _FIRST or len(unsorted[0]) < 10 * _FIRST:
            return self.all()[:count]
        ids, (keys, *others) = unsorted
        last = np.partition(keys, count - 1)[count - 1]
        if np.isnan(last):  # not even a page of images has a value
            return self.all()[:count]
        found = np.flatnonzero(keys <= last)
        if not others:  # of those level with the last, the first by id
            level = keys[found] == last
            found = found[~level | (np.cumsum(level) <= count - np.count_nonzero(~level))]
        return ids[_sorted(found, [keys, *others])[:count]]

    def all(self) -> Ids:
        """Every row."""
        unsorted = self._unsorted
        if unsorted is not None:
            ids, keys = unsorted
            self._all = ids[_sorted(np.arange(len(ids)), keys)]
            self._unsorted = None  # of no more use, and three times as large as the order
        return self._all


def _sorted(places: Places, by: Sequence[NDArray[Any]]) -> Places:
    for keys in reversed(by):
        places = places[_argsort(keys[places])]
    return places


def _argsort(keys: NDArray[Any]) -> Places:
    """A stable order. numpy sorts 16-bit numbers by radix, so whole numbers are sorted 16 bits at a time."""
    if keys.dtype.kind not in "iu" or len(keys) < _FIRST:
        return np.argsort(keys, kind="stable")
    rest = keys.astype(np.int64) - int(keys.min())
    widest = int(rest.max()).bit_length()
    if widest > _RADIX_BITS:
        return np.argsort(keys, kind="stable")
    order = np.argsort(rest.astype(np.uint16), kind="stable")
    for bits in range(16, widest, 16):
        order = order[np.argsort((rest >> bits).astype(np.uint16)[order], kind="stable")]
    return order


def _rising(keys: NDArray[Any], descending: bool) -> NDArray[Any]:
    """Keys of which the least comes first; what is not known (NaN) comes last both ways."""
    if not descending:
        return keys
    return -(keys if keys.dtype.kind == "f" else keys.astype(np.int64))


def _keys(collection: Collection, ids: Ids, field: str, cancel: Cancel | None) -> NDArray[Any]:
    if field in ("name", "path"):
        return text_ranks(collection, ids, field, cancel)
    return np.asarray(numbers(collection, field, ids))
