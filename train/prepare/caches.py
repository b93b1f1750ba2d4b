"""Caches of a run: where its latents and captions are kept, opened as the recipe says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from curator.contract.cache.groups import Kind, caches_of_run, made_group
from train.cache.disk_store import DiskStore
from train.cache.disk_writer import Room
from train.cache.identity import captions_identity, latents_identity
from train.cache.store import MemoryStore
from train.data.dataset import pictures_of
from train.data.encoding import Encoder
from train.data.kept_latents import Caches, KeptLatents
from train.data.kohya_latents import KohyaLatents
from train.data.latent_keys import LatentKeys
from train.data.latents import rounded_by
from train.device import gather
from train.prepare.load import captions_at_once

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Recipe
    from train.cache.store import Store
    from train.data.batches import Share
    from train.data.quarantine import Quarantine
    from train.job import Process
    from train.prepare.stages import Trainable

_LEFT_FREE_BYTES = 1 << 30  # for other programs


@dataclass(frozen=True)
class _Opener:
    """Opens stores of one run. `spare_bytes` of the disk are the run's own."""

    folder: Path
    recipe: Recipe
    model: Trainable
    manifest: Manifest
    process: Process
    spare_bytes: int

    def latents(self) -> KeptLatents | None:
        """The store that `cache.latents` names; None for "off"."""
        where = self.recipe.cache.latents
        if where == "off":
            return None
        if where == "memory":
            return KeptLatents(MemoryStore(), LatentKeys())
        family, device = self.model.family, self.model.arithmetic.device
        identity = latents_identity(family, device, rounded_by(self.recipe.cache))
        store = self._on_disk("latents", identity, waits=True)
        return None if store is None else KeptLatents(store, LatentKeys())

    def captions(self) -> Store | None:
        """The store of captions on disk, where the recipe wants one."""
        if self.recipe.cache.captions != "disk" or self.model.trained.trains_text:
            return None
        family, arithmetic = self.model.family, self.model.arithmetic
        at_once = captions_at_once(self.recipe, arithmetic)
        store = self._on_disk("captions", captions_identity(family, arithmetic, at_once), waits=False)
        if store is not None:
            family.freeze_text(at_once, MemoryStore(self.recipe.cache.captions_mib << 20), store)
        return store

    def _on_disk(self, kind: Kind, identity: dict[str, str], *, waits: bool) -> DiskStore | None:
        """The store of a group, which is told to be used; None where none can be made."""
        cache, reporter = self.recipe.cache, self.process.reporter
        limit = cache.disk_gib << 30 if cache.disk_gib else None
        try:
            group = made_group(self.folder, kind, (self.recipe.model.path, self.model.family.name), identity)
            if reporter.is_main_process:
                group.mark_used(self.manifest.digest, str(self.manifest.path.absolute()))
        except OSError as error:
            reporter.warn(
                f"there can be no cache in {self.folder}: {error.strerror or error}",
                "the run goes on without: free space, mend the rights, or set cache.folder",
            )
            return None
        return DiskStore(group, Room(self.folder, limit, self.spare_bytes), reporter.warn, waits=waits)


def open_caches(
    run: Path, recipe: Recipe, model: Trainable, manifest: Manifest, process: Process, *, spare_bytes: int
) -> Caches:
    """The caches of the run in `run`; what cannot be had is told, and done without."""
    folder = Path(recipe.cache.folder).expanduser() if recipe.cache.folder else caches_of_run(run)
    opener = _Opener(folder, recipe, model, manifest, process, spare_bytes + _LEFT_FREE_BYTES)
    return Caches(opener.latents(), opener.captions())


def _take_all(taker: KohyaLatents, manifest: Manifest, share: Share) -> None:
    """Where all processes see what one puts, each puts its part."""
    store = taker.kept.store
    taker.take(
        pictures_of(manifest, 0, len(manifest)),
        lambda row: not store.is_shared or row % share.processes == share.rank,
    )
    store.settle()


def encode_latents(
    kept: KeptLatents,
    manifest: Manifest,
    *,
    quarantine: Quarantine,
    share: Share,
    recipe: Recipe,
    model: Trainable,
    process: Process,
) -> None:
    """Encode what a run's latents miss.

    Raises:
        StopRequestedError: a stop was asked for meanwhile; what was encoded stays on the disk, where it is kept there.
    """
    rows = len(manifest)
    process.reporter.phase("caching latents", rows)

    def progress(done: int) -> None:
        process.reporter.progress("caching latents", done, rows)
        process.control.stop_if_asked()

    join = partial(gather, process.accelerator)
    if recipe.cache.kohya_npz:
        with model.family.vae_at_work():
            taker = KohyaLatents(model.family, kept, rounded_by(recipe.cache), process.reporter.warn)
            _take_all(taker, manifest, share)
        join(torch.zeros(1))  # what others put is there when all have come here
        kept.store.settle()
    encoder = Encoder(
        model.family,
        kept,
        quarantine,
        share,
        join,
        recipe.loader.workers,
        rounded_by(recipe.cache),
        process.reporter.warn,
    )
    with model.family.vae_at_work():
        encoder.encode_missing(manifest, progress)
