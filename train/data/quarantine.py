"""Quarantine: stand-ins for images that cannot be decoded, and the limit of their number.

The rule: the next row of the same bucket (after the last comes the first) that can be decoded, with that
row's caption and the missing sample's noise; where a bucket has none left, of the next bucket. All samples of a
batch go the same way, so a batch stays of one size. It depends on the files alone, not on when a bad one was found, so
resumes, worker counts and caches agree. An image whose loss was no number is left out from a step on that is on record.
Above the recipe's limit the run stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from curator.contract.errors import UserError
from curator.contract.locations import EVENTS
from curator.contract.recipe.survival import Survival
from curator.contract.text import counted
from train.data.images import BadPictureError, ChangedPictureError

if TYPE_CHECKING:
    from curator.contract.epoch_plan import Span

T = TypeVar("T")
_DEFAULTS = Survival()


class Quarantine:
    """The rows found bad so far, and who stands in for them. Safe to use from several threads.

    `left_out` gives rows that are trained no more, with the first step without them. What `passable` errors say of an
    image is a reason to do without it.
    """

    def __init__(self, spans: Sequence[Span], knobs: Survival = _DEFAULTS) -> None:
        self._ranges = _bucket_ranges(spans)
        rows = sum(span.rows for span in spans)
        self.limit = max(1, int(rows * knobs.bad_images))
        self.passable: tuple[type[Exception], ...] = (BadPictureError,)
        if knobs.changed_images == "skip":
            self.passable = (BadPictureError, ChangedPictureError)
        self.left_out: Mapping[int, int] = {}
        self._bad: dict[int, str] = {}
        self._unreported: list[tuple[int, str]] = []
        self._told: set[int] = set()
        self._lock = threading.Lock()

    def first_good(self, row: int, bucket: int, read: Callable[[int], T], step: int = 0) -> T:
        """`read(row)`, or what it gives for the first stand-in that can be used at `step`."""
        for candidate in self._candidates(row, bucket):
            if candidate in self._bad or step >= self.left_out.get(candidate, step + 1):
                continue
            try:
                return read(candidate)
            except self.passable as error:
                self.add(candidate, str(error))
        raise UserError("no image of the manifest can be used", "mend the files, and freeze again")

    def _candidates(self, row: int, bucket: int) -> Iterator[int]:
        """The row itself, the rest of its bucket in a circle, then the buckets after it in a circle."""
        order = sorted(self._ranges)
        start = order.index(bucket)
        offset = row - self._ranges[bucket][0]
        for other in order[start:] + order[:start]:
            first, rows = self._ranges[other]
            yield from (first + (offset + ahead) % rows for ahead in range(rows))

    def add(self, row: int, reason: str) -> None:
        with self._lock:
            if row not in self._bad:
                self._bad[row] = reason
                self._unreported.append((row, reason))

    def take_unreported(self) -> list[tuple[int, str]]:
        """Rows newly found bad, with the reason; each is returned once."""
        with self._lock:
            fresh, self._unreported = self._unreported, []
        return fresh

    def is_news(self, row: int, reason: str) -> bool:
        """Take over what a process found; whether nobody has told of it yet."""
        with self._lock:
            self._bad.setdefault(row, reason)
            self._unreported = [each for each in self._unreported if each[0] != row]
            is_news = row not in self._told
            self._told.add(row)
        return is_news

    def check_limit(self) -> None:
        """
        Raises:
            UserError: too many images are bad to call it an accident.
        """
        bad = len({*self._bad, *self.left_out})
        if bad > self.limit:
            raise UserError(
                f"{counted(bad)} cannot be used; a run goes on without at most {self.limit}",
                f"{EVENTS} names them: mend or leave them out, and freeze again; or raise survival.bad_images",
            )


def _bucket_ranges(spans: Sequence[Span]) -> dict[int, tuple[int, int]]:
    """First row and count of rows of each bucket; a bucket's spans stand together in the manifest."""
    ranges: dict[int, tuple[int, int]] = {}
    for span in spans:
        first, rows = ranges.get(span.bucket, (span.first_row, 0))
        ranges[span.bucket] = (first, rows + span.rows)
    return ranges
