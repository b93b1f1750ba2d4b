"""Quarantined files of a collection: files that a scan could not use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.index.tables.rows import Quarantined
    from curator.scan.retry import Retried
    from curator.scan.scan import Progress


class Quarantine:
    """Quarantined files of a collection: files that a scan could not use."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def all(self) -> list[Quarantined]:
        """The files by path, each with the reason and since when."""
        with self._collection.reading():
            return self._collection.quarantine.list()

    def count(self) -> int:
        """How many files are quarantined."""
        with self._collection.reading():
            return self._collection.quarantine.count()

    def retry(self, progress: Progress | None = None) -> Retried:
        """Read all of them again; those of a root that is not there stay."""
        from curator.scan.retry import retry

        return retry(self._collection, progress)
