"""Runs of rows of one bucket, repeat count and subset, and the spans made of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, groupby
from typing import Any, NamedTuple

from curator.contract.epoch_plan import Span

MOST_REPEATS = 1_000_000.0


class Part(NamedTuple):
    """Rows `first_row` .. `first_row + rows - 1`: one bucket, one repeat count, one subset, in order of their paths.

    Rows with repeats of 0 are held out for validation.
    """

    first_row: int
    rows: int
    bucket: int
    repeats: float
    subset: int

    @property
    def is_held_out(self) -> bool:
        return self.repeats == 0


class Rows:
    """The rows of some parts: as many as `len`, the n-th by index."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = tuple(parts)
        self._ends = tuple(accumulate(part.rows for part in self._parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(index)
        which = bisect_right(self._ends, index)
        part = self._parts[which]
        return part.first_row + part.rows - (self._ends[which] - index)


def checked_parts(
    rows: Iterable[tuple[Any, ...]], buckets: int, subsets: int, most_rows: int
) -> tuple[Part, ...]:
    """Parts as a file gives them: one behind the other from row 0, of so many buckets, subsets and rows at most.

    Raises:
        ValueError: they are not.
    """
    parts: list[Part] = []
    end = 0
    for row in rows:
        part = Part(*row)
        if (
            any(type(value) is not int for value in (part.first_row, part.rows, part.bucket, part.subset))
            or type(part.repeats) is not float
            or part.first_row != end
            or not 1 <= part.rows <= most_rows - end
            or not 0 <= part.bucket < buckets
            or not 0 <= part.subset < subsets
            or not 0 <= part.repeats <= MOST_REPEATS
        ):
            raise ValueError(part)
        parts.append(part)
        end += part.rows
    return tuple(parts)


class PartGatherer:
    """Parts gathered while rows go by in order of (bucket, repeats, subset, root, path)."""

    def __init__(self) -> None:
        self._done: list[Part] = []
        self._here: tuple[int, float, int] = (-1, 0.0, 0)
        self._place: tuple[int, bytes] = (-1, b"")
        self._first = 0
        self._rows = 0

    def add(self, bucket: int, repeats: float, subset: int, place: tuple[int, bytes]) -> None:
        """The next row; `place` is its root and path.

        Raises:
            ValueError: rows are not in order, so an image could not be found again.
        """
        where = (bucket, repeats, subset)
        if (where, place) < (self._here, self._place):
            raise ValueError("rows are not in order of bucket, repeats, subset, root and path")
        if where != self._here:
            self._close()
            self._here = where
        self._place = place
        self._rows += 1

    def closed(self) -> tuple[Part, ...]:
        """All parts, after the last row."""
        self._close()
        return tuple(self._done)

    def _close(self) -> None:
        if self._rows:
            self._done.append(Part(self._first, self._rows, *self._here))
        self._first, self._rows = self._first + self._rows, 0


def spans_of(parts: Iterable[Part]) -> tuple[Span, ...]:
    """Trained parts of one bucket and repeat count taken together: what an epoch is planned by."""
    trained = (part for part in parts if not part.is_held_out)
    spans: list[Span] = []
    for (bucket, repeats), some in groupby(trained, key=lambda part: (part.bucket, part.repeats)):
        own = list(some)
        spans.append(Span(bucket, repeats, own[0].first_row, sum(part.rows for part in own)))
    return tuple(spans)
