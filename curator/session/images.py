"""Images of a collection: scanned, filtered, looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from pyroaring import BitMap

    from curator.filter.cancel import Cancel
    from curator.filter.evaluate import Result
    from curator.filter.facets import Facets
    from curator.index.images.images import ImageRow
    from curator.index.tags.tag_table import Tag
    from curator.scan.report import ScanReport
    from curator.scan.scan import Progress


class Images:
    """Images of a collection: scanned, filtered, looked at."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def scan(
        self,
        folder: Path | None = None,
        progress: Progress | None = None,
        *,
        full: bool = False,
        quick: bool = False,
    ) -> ScanReport:
        """Index `folder` (or a tar), or look again at every root known.

        `full` reads files whose size and time are as before; `quick` passes over folders whose time is as before.

        The scan has its own connection: the caller's session stays usable meanwhile.
        """
        from curator.scan.report import ScanReport
        from curator.scan.scan import scan

        folders = [folder] if folder else [Path(root) for root in self._collection.images.roots()]
        if not folders:
            raise UserError("no folder was scanned yet", "name one: frieze scan DIR")
        report = ScanReport()
        with Collection.open(self._collection.folder) as collection:
            for each in folders:
                report.include(scan(collection, each, progress, full, quick))
        return report

    def select(self, text: str, cancel: Cancel | None = None) -> Result:
        """The pictures a filter names, in order.

        Raises:
            FilterError: with the position of the mistake.
            Cancelled: `cancel` said so.
        """
        return select(self._collection, text, cancel)

    def unmatched(self, found: Result) -> list[str]:
        """A sentence about each term of a filter that no picture's tags fit."""
        from curator.filter.unmatched import unmatched_term_text

        return [unmatched_term_text(self._collection, term) for term in found.unknown_tags]

    def facets(
        self, images: BitMap, limit: int = 50, *, exact: bool = False, cancel: Cancel | None = None
    ) -> Facets:
        """The tags most common among `images`: of a sample at once, or `exact`."""
        from curator.filter.facets import exact_facets, sample_facets

        if exact:
            return exact_facets(self._collection, images, limit, cancel)
        return sample_facets(self._collection, images, limit)

    def rows(self, ids: Sequence[int]) -> list[ImageRow]:
        """What is known of the pictures `ids`, in that order."""
        return self._collection.rows(ids)

    def tags_of(self, image: int) -> list[Tag]:
        """The tags of one picture in caption order."""
        return self._collection.tags_of(image)

    def file_of(self, row: ImageRow) -> Path:
        """Where the picture's file is."""
        return Path(row.root, row.path)
