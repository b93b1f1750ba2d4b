"""Copies of one image, and which of them stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    import numpy as np
    from numpy.typing import NDArray

    from curator.index.collection import Collection
    from curator.scan.copies.duplicates import Group
    from curator.scan.copies.fingerprint import Filled, Progress
    from curator.scan.copies.keeping import CopyResolution


class Copies:
    """Copies of one image, and which of them stays."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def orders(self) -> tuple[str, ...]:
        """By what the best copy may be chosen: of the images, and by scores of models."""
        return (*self.usual_orders(), *(f"score({name})" for name in self._collection.scores.names()))

    @staticmethod
    def usual_orders() -> tuple[str, ...]:
        """Those that every collection has."""
        from curator.scan.copies.duplicates import BEST

        return BEST

    def fingerprint(self, images: Sequence[int], progress: Progress | None = None) -> Filled:
        """Look at images not progress at before; what was seen is kept when `progress` raises to stop."""
        from curator.scan.copies.fingerprint import fill

        return fill(self._collection, images, progress)

    def find(
        self, images: Sequence[int] | NDArray[np.uint32], distance: int | None = None, best: str = "size"
    ) -> list[Group]:
        """Groups of equal content, or of fingerprints that differ in at most `distance` of 64 bits.

        Raises:
            UserError: a distance at which unlike images meet, or an order that is none.
        """
        from curator.scan.copies.duplicates import find_groups

        return find_groups(self._collection, images, distance, best)

    def keep_best(
        self, groups: Sequence[Group], best: str = "size", *, carry_annotations: bool = False
    ) -> CopyResolution:
        """The edit by which of each group of copies the best stays (see `scan.keeping`); `edit` makes it."""
        from curator.scan.copies.keeping import keep_best

        return keep_best(self._collection, groups, best, carry_annotations=carry_annotations)

    def keep_chosen(self, group: Group, kept: int, *, carry_annotations: bool = False) -> CopyResolution:
        """The edit by which one image of a group stays, whichever is the best."""
        from curator.scan.copies.keeping import keep_chosen

        return keep_chosen(self._collection, group, kept, carry_annotations=carry_annotations)

    def check(self, distance: int | None, best: str) -> None:
        """Refuse a distance at which unlike images meet, and an order that is none."""
        from curator.scan.copies.duplicates import check_best, check_distance

        check_best(best)
        if distance is not None:
            check_distance(distance)
