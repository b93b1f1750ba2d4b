"""The freeze of a collection: its preview, its findings, its manifests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.buckets import BucketRule
    from curator.contract.progress import Progress
    from curator.contract.recipe.recipe import BatchSize
    from curator.freeze.build import FrozenManifest
    from curator.freeze.checks.checks import FreezeReport
    from curator.freeze.preview import FreezePreview


class Freezing:
    """The freeze of a collection: its preview, its findings, its manifests."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def preview(self, batch: BatchSize | None = None) -> FreezePreview:
        """What an epoch would be, were the collection frozen now."""
        from curator.freeze.outlook import epoch_of

        return epoch_of(self._collection, batch)

    def check(self, batch: BatchSize | None = None, rule: BucketRule | None = None) -> FreezeReport:
        """Everything that would stop or trouble a training (with another bucket rule than the collection's)."""
        from curator.freeze.outlook import report_of

        return report_of(self._collection, batch, rule)

    def write(
        self,
        name: str,
        progress: Progress | None = None,
        *,
        rule: BucketRule | None = None,
        replace: bool = False,
    ) -> FrozenManifest:
        """Write `manifests/NAME.manifest`; what stops and what is refused: see `freeze.library`."""
        from curator.freeze.library import freeze_named

        return freeze_named(self._collection, name, progress, rule=rule, replace=replace)

    def standing(self, name: str, rule: BucketRule | None = None) -> FrozenManifest | None:
        """The manifest that `write` would only repeat: that of the name, or where none is, the newest.

        Decided by the same facts as a freeze: rule, subsets, folders, and the digest of what would be written.
        """
        from curator.freeze.library import standing

        return standing(self._collection, name, rule)

    def manifests(self, passed_over: Callable[[UserError], None] | None = None) -> list[FrozenManifest]:
        """The manifests of the collection, newest first; `passed_over` hears of those that cannot be read."""
        from curator.contract.locations import manifests_folder
        from curator.freeze.library import manifests_in

        return manifests_in(manifests_folder(self._collection.folder), passed_over)
