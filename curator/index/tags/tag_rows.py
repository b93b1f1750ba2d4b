"""The tags of many images changed at once: one flat array, and numpy in place of a loop per image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from curator.arrays import np
from curator.index.tags.tag_blob import decode_many, encode_many

if TYPE_CHECKING:
    from numpy.typing import NDArray

END = 0xFFFFFFFF  # a place behind every tag; places are cut to the row's length
Ints: TypeAlias = "NDArray[np.int64]"
_MOST_GATHERED = 1 << 21  # tags that wait to be put into rows together: some tens of MB


class TagRows:
    """The tags of some images in caption order. `ids` ascend; methods name rows by their index in `ids`.

    Tags that go behind all others are gathered, and put in together: each by itself would copy all tags of all rows.
    """

    def __init__(self, ids: NDArray[Any], blobs: Sequence[bytes]) -> None:
        self.ids = ids
        self._values, self._counts = decode_many(blobs)
        self._behind: dict[
            int, Ints
        ] = {}  # tag -> the rows that it goes to the end of, in the order of the tags
        self._gathered = 0

    @property
    def values(self) -> Ints:
        """The tags of all rows, one row behind the other."""
        self._settle()
        return self._values

    @property
    def counts(self) -> Ints:
        """How many tags each row has."""
        self._settle()
        return self._counts

    def blobs(self) -> list[bytes]:
        """The rows as they are stored."""
        return encode_many(self.values, self.counts)

    def lists(self) -> list[list[int]]:
        """The tag ids of each row."""
        flat = self.values.tolist()
        ends = np.cumsum(self.counts).tolist()
        return [flat[first:beyond] for first, beyond in zip([0, *ends], ends, strict=False)]

    def add(self, tag: int, rows: Ints, places: NDArray[Any]) -> None:
        """Put a tag into rows that lack it, each at its place."""
        if np.all(places == END):
            self._settle_where(tag)
            self._behind[tag] = rows
            self._gathered += len(rows)
            if self._gathered > _MOST_GATHERED:
                self._settle()
            return
        self._settle()
        lacking = ~np.isin(rows, self._owners(self._where(tag)))
        rows, places = rows[lacking], places[lacking]
        starts = np.cumsum(self._counts) - self._counts
        at = starts[rows] + np.minimum(places.astype(np.int64), self._counts[rows])
        self._values = np.insert(self._values, at, tag)
        self._counts[rows] += 1

    def remove(self, tag: int, rows: Ints) -> Ints:
        """Take a tag out of rows; gives the place it had in each (END where it was not)."""
        self._settle_where(tag)
        hits = self._where(tag)
        owners = self._owners(hits)
        concerned = self._among(owners, rows)
        hits, owners = hits[concerned], owners[concerned]
        starts = np.cumsum(self._counts) - self._counts
        places = np.full(len(self._counts), END, np.int64)
        places[owners] = hits - starts[owners]
        self._values = np.delete(self._values, hits)
        self._counts[owners] -= 1
        return places[rows]

    def replace(self, old: int, new: int, rows: Ints) -> None:
        """Turn one tag into another where it stands."""
        self._settle_where(old, new)
        hits = self._where(old)
        self._values[hits[self._among(self._owners(hits), rows)]] = new

    def _settle_where(self, *tags: int) -> None:
        """Put the gathered tags in if these are among them; what stands before them does not depend on it."""
        if not self._behind.keys().isdisjoint(tags):
            self._settle()

    def _settle(self) -> None:
        """Put the gathered tags in, where they are lacking: one copy of all rows, however many tags."""
        if not self._behind:
            return
        behind, self._behind, self._gathered = self._behind, {}, 0
        tags = np.fromiter(behind, np.int64, len(behind))
        rows = np.concatenate(list(behind.values()))
        new = np.repeat(tags, [len(each) for each in behind.values()])
        hits = np.flatnonzero(np.isin(self._values, tags))
        had = _pairs(self._owners(hits), self._values[hits])
        order = np.argsort(rows, kind="stable")
        lacking = order[~np.isin(_pairs(rows[order], new[order]), had)]
        rows, new = rows[lacking], new[lacking]
        self._values = np.insert(self._values, np.cumsum(self._counts)[rows], new)
        self._counts += np.bincount(rows, minlength=len(self._counts))

    def _where(self, tag: int) -> Ints:
        return np.flatnonzero(self._values == tag)

    def _owners(self, positions: Ints) -> Ints:
        return np.searchsorted(np.cumsum(self._counts), positions, side="right")

    def _among(self, owners: Ints, rows: Ints) -> NDArray[np.bool_]:
        concerned = np.zeros(len(self._counts), bool)
        concerned[rows] = True
        return concerned[owners]


def _pairs(rows: NDArray[Any], tags: NDArray[Any]) -> NDArray[np.int64]:
    """A row and a tag as one number."""
    return rows.astype(np.int64) << 32 | tags.astype(np.int64)
