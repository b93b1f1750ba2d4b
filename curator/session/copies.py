"""Copies of one image, and which of them stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.scan.copies.duplicates import Group
    from curator.scan.copies.keeping import CopyResolution


class Copies:
    """Copies of one image, and which of them stays."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def keep_best(
        self, groups: Sequence[Group], best: str = "size", *, carry_words: bool = False
    ) -> CopyResolution:
        """The edit by which of each group of copies the best stays (see `scan.keeping`); `edit` makes it."""
        from curator.scan.copies.keeping import keep_best

        return keep_best(self._collection, groups, best, carry_words=carry_words)

    def keep_chosen(self, group: Group, kept: int, *, carry_words: bool = False) -> CopyResolution:
        """The edit by which one picture of a group stays, whichever is the best."""
        from curator.scan.copies.keeping import keep_chosen

        return keep_chosen(self._collection, group, kept, carry_words=carry_words)
