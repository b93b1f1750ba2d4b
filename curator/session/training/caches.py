"""Caches of a collection: latents and captions as models encode them, listed, verified, pruned, exported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError, did_you_mean
from curator.contract.locations import manifest_files, manifests_folder, runs_folder

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.cache.groups import Group
    from curator.contract.progress import Progress
    from curator.interop.kohya.latents import Exported
    from curator.runs.caches.listing import CacheSummary
    from curator.runs.caches.pruning import Pruned
    from curator.runs.caches.verifying import CacheCheck


class Caches:
    """The caches in `folder`, of the collection in `collection`."""

    def __init__(self, folder: Path, collection: Path) -> None:
        self.folder = folder
        self._collection = collection

    def all(self) -> list[CacheSummary]:
        """All caches, those used last first."""
        from curator.runs.caches.listing import summaries

        return summaries(self.folder)

    def verify(self, progress: Progress) -> list[CacheCheck]:
        """Compare every entry with its checksum; `progress` hears bytes."""
        from curator.runs.caches.verifying import verify_caches

        return verify_caches(self.folder, progress)

    def prune(
        self,
        progress: Progress,
        *,
        unused: bool = False,
        unused_days: float | None = None,
        damaged: bool = False,
        most_bytes: int | None = None,
        dry_run: bool = False,
    ) -> Pruned:
        """Remove entries; with `dry_run` only say which.

        Raises:
            UserError: nothing is asked for, a manifest cannot be read, or there is no room.
        """
        from curator.runs.caches.pruning import Wanted, prune

        wanted = Wanted(unused_days, self.manifests() if unused else None, damaged, most_bytes)
        if wanted == Wanted():
            raise UserError(
                "nothing is said of what to remove",
                "give --unused, --unused-days, --most-gib or --damaged",
            )
        return prune(self.folder, wanted, progress, dry_run=dry_run)

    def manifests(self) -> tuple[Path, ...]:
        """The manifests of the collection, and those that its runs were started on, where they are still there."""
        from curator.runs.listing import run_folders

        found = {path.absolute(): None for path in manifest_files(manifests_folder(self._collection))}
        for run in run_folders(runs_folder(self._collection)):
            try:
                path = Path(run.info().manifest)
            except UserError:
                continue
            if path.is_file():
                found[path.absolute()] = None
        return tuple(found)

    def export(
        self, manifest: Path, name: str | None, progress: Progress, *, replace: bool, dry_run: bool
    ) -> Exported:
        """Write the latents of a manifest's images beside them as sd-scripts reads them, from the cache `name`.

        Raises:
            UserError: there is no such cache of latents, or which one is meant is not said.
        """
        from curator.contract.manifest.manifest import open_manifest
        from curator.interop.kohya.latents import export_latents

        group = self._latents(name)
        with open_manifest(manifest) as opened:
            return export_latents(group, opened, progress, replace=replace, dry_run=dry_run)

    def _latents(self, name: str | None) -> Group:
        from curator.contract.cache.groups import groups_in

        of_latents = {group.name: group for group in groups_in(self.folder) if group.about.kind == "latents"}
        if not of_latents:
            raise UserError("there is no cache of latents", "train with cache.latents = 'disk' first")
        if name is None and len(of_latents) == 1:
            return next(iter(of_latents.values()))
        if name is None:
            raise UserError(
                f"there are {len(of_latents)} caches of latents",
                "name one of 'frieze cache list' with --cache",
            )
        if name not in of_latents:
            raise UserError(f"there is no cache of latents '{name}'", did_you_mean(name, of_latents))
        return of_latents[name]
