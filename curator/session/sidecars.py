"""Sidecars of a collection: tags and captions written beside the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.interop.sidecar_write import Suffix, WriteReport


class Sidecars:
    """Sidecars of a collection: tags and captions written beside the images."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def write(
        self,
        ids: Sequence[int],
        suffix: Suffix = ".txt",
        *,
        replace: bool = False,
        dry_run: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> WriteReport:
        """Write the tags and captions of images; `replace` also writes over sidecars that others changed.

        `progress` is told how many images are done. A dry run writes nothing, and counts what it would.
        """
        from curator.interop.sidecar_write import write_sidecars

        return write_sidecars(
            self._collection, ids, suffix, replace=replace, dry_run=dry_run, progress=progress
        )
