"""Upkeep of a collection in idle time: edits folded into rows, buffers compacted, caches warmed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.index.collection import Collection

_THE_REST = (
    "numpy", "curator.filter.walk", "curator.index.editing.plan", "curator.index.editing.snapshot",
    "curator.index.file.flush", "curator.index.undo.revert",
)  # fmt: skip
_FOLD_AT_A_TIME_S = 0.2  # the longest that others then wait for the index


class Upkeep:
    """Upkeep of a collection in idle time: edits folded into rows, buffers compacted, caches warmed."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def waiting(self) -> int:
        """How many images have large edits that have not reached their rows."""
        return self._collection.waiting()

    def fold(self, budget_s: float) -> int:
        """Bring rows up to date with large edits for so many seconds; gives how many images still wait."""
        return self._collection.fold(budget_s) if self.waiting() else 0

    def fold_while(self, is_wanted: Callable[[], bool]) -> None:
        """Fold, a moment at a time, until nothing waits; then the write-ahead log goes into the one file."""
        while is_wanted():
            if not self.fold(_FOLD_AT_A_TIME_S):
                self._collection.checkpoint()
                return

    def compact(self) -> None:
        """Bring what small edits left together into its own rows, so that the next reader has less to add up."""
        self._collection.compact()

    @staticmethod
    def load_the_rest() -> None:
        """Import what the first edit, order or filter needs and the first page does without, while nobody waits."""
        for name in _THE_REST:
            import_module(name)

    def warm(self, is_cancelled: Callable[[], bool]) -> None:
        """Bring a cold index into the system's cache, for the filters to come."""
        self._collection.warm(is_cancelled)

    def limit_caches(self, pages_mib: int, sets_mib: int) -> None:
        """Keep at most so many MiB in memory: of the index's file, of sets of images, and of columns of numbers."""
        self._collection.limit_caches(pages_mib, sets_mib)

    def limit_wait(self, seconds: float) -> None:
        """Let a write wait at most so long, from now on, while another program writes."""
        self._collection.wait_at_most(seconds)

    def fold_all(self) -> None:
        """Bring all rows up to date with large edits, and finish what a broken-off import left."""
        self._collection.fold()

    def check(self, progress: Callable[[int, int], None] | None = None) -> list[str]:
        """What in the index does not agree with its rows: a sentence each, none where all is well."""
        return self._collection.check(progress)

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Make everything derived in the index again from its rows; whole or not at all.

        Raises:
            UserError: the rows themselves are damaged.
        """
        self._collection.rebuild(progress)
