"""Decides the vocabulary of Frieze: everything the app and the command line can do to one collection.

Screens translate keys to these calls, commands translate words to them; neither knows what is behind. No
Textual, no Typer, no torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pyroaring import BitMap

from curator.contract.buckets import BucketRule, Placement, place
from curator.contract.captions import caption_of, split_caption
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError, did_you_mean
from curator.contract.manifest import SUFFIX, open_manifest
from curator.contract.manifest_digest import verify_digest
from curator.contract.recipe import BatchSize, Recipe
from curator.contract.recipe_toml import dump_recipe
from curator.contract.run_folder import RunFolder
from curator.filter.evaluate import Result, select
from curator.freeze import checks
from curator.freeze.build import FreezeProgress, FrozenManifest, freeze, summary
from curator.freeze.members import members_of
from curator.freeze.preview import FreezePreview, preview
from curator.freeze.spec import bucket_rule, set_bucket_rule, spec_of
from curator.index.collection import Collection
from curator.index.edits import Commit, Edit
from curator.index.images import ImageRow
from curator.index.small_tables import Subset
from curator.index.tag_table import Tag
from curator.runs import launch
from curator.runs.listing import RunSummary, find_run, list_runs
from curator.scan.report import ScanReport
from curator.scan.scan import Progress, scan
from curator.tags.complete import complete

_REMEMBERED = "app."


class Session:
    """One open collection. Calls may come from any thread; long ones take a `progress` that may raise to cancel."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.folder = collection.folder

    @classmethod
    def open(cls, folder: Path) -> Session:
        """The collection in `folder`.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        return cls(Collection.open(folder))

    @classmethod
    def create(cls, folder: Path) -> Session:
        """The collection in `folder`, made if there is none."""
        return cls(Collection.open(folder) if Collection.exists(folder) else Collection.create(folder))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.collection.close()

    # --- pictures -------------------------------------------------------------------------------------

    def scan(
        self, folder: Path | None = None, progress: Progress | None = None, *, full: bool = False
    ) -> ScanReport:
        """Index `folder`, or look again at every root known. `full` reads files whose size and time are as before.

        The scan has its own connection: the caller's session stays usable meanwhile.
        """
        folders = [folder] if folder else [Path(root) for root in self.collection.images.roots()]
        if not folders:
            raise UserError("no folder was scanned yet", "name one: frieze scan DIR")
        report = ScanReport()
        with Collection.open(self.folder) as collection:
            for each in folders:
                report.include(scan(collection, each, progress, full))
        return report

    def select(self, text: str) -> Result:
        """The pictures a filter names, in order.

        Raises:
            FilterError: with the position of the mistake.
        """
        return select(self.collection, text)

    def rows(self, ids: Sequence[int]) -> list[ImageRow]:
        """What is known of the pictures `ids`, in that order."""
        return self.collection.rows(ids)

    def tags_of(self, image: int) -> list[Tag]:
        """The tags of one picture in caption order."""
        return self.collection.tags_of(image)

    def file_of(self, row: ImageRow) -> Path:
        """Where the picture's file is."""
        return Path(row.root, row.path)

    def complete(self, typed: str, limit: int = 20) -> list[Tag]:
        """Tags that go on from what was typed, or hold it, the most used first (row B15)."""
        return complete(self.collection.all_tags(), typed, limit)

    def changed(self) -> bool:
        """Whether another process changed the collection since the last look."""
        return self.collection.changed()

    # --- edits ----------------------------------------------------------------------------------------

    def preview_edit(self, edit: Edit, ids: Iterable[int] | BitMap) -> int:
        """How many pictures an edit would change."""
        return self.collection.preview(edit, ids)

    def edit(self, edit: Edit, ids: Iterable[int] | BitMap) -> Commit:
        """Make an edit; it can be undone, also after a restart."""
        return self.collection.apply(edit, ids)

    def undo(self) -> Commit | None:
        """Take back the newest edit that stands; None where there is none."""
        return self.collection.undo()

    def redo(self) -> Commit | None:
        """Make again what was last undone; None where there is nothing."""
        return self.collection.redo()

    def history(self, limit: int = 50) -> list[Commit]:
        """The newest edits first."""
        return self.collection.history(limit)

    # --- subsets, buckets, captions -------------------------------------------------------------------

    def subsets(self) -> list[Subset]:
        """The subsets in order."""
        return self.collection.subsets.list()

    def save_subset(self, subset: Subset) -> None:
        """Add a subset, or change the one with its name. Its filter is checked first."""
        select(self.collection, subset.filter)
        self.collection.subsets.save(subset)

    def remove_subset(self, name: str) -> None:
        """Remove a subset; its pictures stay in the collection.

        Raises:
            UserError: there is none of that name.
        """
        if not self.collection.subsets.remove(name):
            raise UserError(
                f"there is no subset '{name}'", did_you_mean(name, (each.name for each in self.subsets()))
            )

    @property
    def bucket_rule(self) -> BucketRule:
        """The rule by which pictures are scaled and cut."""
        return bucket_rule(self.collection)

    def set_bucket_rule(self, rule: BucketRule) -> None:
        """Keep another rule with the collection."""
        set_bucket_rule(self.collection, rule)

    def placement(self, row: ImageRow) -> Placement:
        """The bucket, scale and crop of a picture."""
        return place((row.width, row.height), self.bucket_rule)

    def preview(self, batch: BatchSize | None = None) -> FreezePreview:
        """What an epoch would be, were the collection frozen now."""
        spec = spec_of(self.collection)
        return preview(self.collection, spec, members_of(self.collection, spec), batch or BatchSize())

    def subset_of(self, image: int) -> Subset | None:
        """The subset a picture would be frozen in."""
        spec = spec_of(self.collection)
        members = members_of(self.collection, spec)
        return next((each for each, ids in zip(spec.subsets, members.ids, strict=True) if image in ids), None)

    def captions(self, image: int, epoch: int = 0, count: int = 1, seed: int = 0) -> list[str]:
        """The captions of a picture in `count` epochs from `epoch`, were it row `image` of a manifest.

        A manifest's own captions come from `manifest_captions`: the draws depend on the row.
        """
        subset = self.subset_of(image)
        if subset is None:
            raise UserError("this picture is in no subset", "widen a subset's filter")
        (row,) = self.rows([image])
        tags = [tag.name for tag in self.tags_of(image)]
        parts = split_caption(tags, row.caption, subset.rules)
        return [
            caption_of(parts, subset.rules, seed, Sample(each, image, 0))
            for each in range(epoch, epoch + count)
        ]

    # --- freeze ---------------------------------------------------------------------------------------

    @property
    def manifests_dir(self) -> Path:
        return self.folder / "manifests"

    def check_freeze(self, batch: BatchSize | None = None) -> checks.FreezeReport:
        """Everything that would stop or trouble a training."""
        spec = spec_of(self.collection)
        members = members_of(self.collection, spec)
        shown = preview(self.collection, spec, members, batch or BatchSize())
        return checks.check(self.collection, spec, members, shown)

    def freeze(
        self, name: str, progress: FreezeProgress | None = None, *, replace: bool = False
    ) -> FrozenManifest:
        """Write `manifests/NAME.manifest`.

        Raises:
            UserError: a finding that stops, a name that is taken or no file name, no space.
        """
        if not re.fullmatch(r"\w[\w.+-]{0,80}", name):
            raise UserError(f"'{name}' cannot name a manifest", "use letters, digits, '-', '_' and '.'")
        path = self.manifests_dir / f"{name}{SUFFIX}"
        if path.exists() and not replace:
            raise UserError(
                f"there is a manifest named {name}", "choose another name, or replace it with --replace"
            )
        with self.collection.reading():
            for finding in self.check_freeze().stops:
                raise UserError(finding.what, finding.hint)
            spec = spec_of(self.collection)
            return freeze(self.collection, spec, members_of(self.collection, spec), path, progress)

    def manifests(self) -> list[FrozenManifest]:
        """The manifests of the collection, newest first. One that cannot be read is left out."""
        found: list[FrozenManifest] = []
        for path in self.manifests_dir.glob(f"*{SUFFIX}"):
            try:
                found.append(summary(path))
            except UserError:
                continue
        return sorted(found, key=lambda each: each.created_at, reverse=True)

    # --- runs -----------------------------------------------------------------------------------------

    @property
    def runs_dir(self) -> Path:
        return self.folder / "runs"

    def launch(self, manifest: Path, recipe: Recipe, name: str, processes: int = 1) -> RunFolder:
        """Start a training of `manifest` that lives on when this program ends."""
        return launch_run(self.runs_dir, manifest, recipe, name, processes)

    def runs(self) -> list[RunSummary]:
        """The runs of the collection, newest first."""
        return list_runs(self.runs_dir)

    def run(self, name: str) -> RunFolder:
        """The run of that name, or of the one that begins so."""
        return find_run(self.runs_dir, name)

    def request(self, run: RunFolder, action: str) -> None:
        """Ask a living run to pause, resume, save, sample or stop."""
        run.request(action)

    # --- the app's memory -----------------------------------------------------------------------------

    def remember(self, key: str, value: Any) -> None:
        """Keep a piece of the app's state (JSON) with the collection."""
        self.collection.settings.put(_REMEMBERED + key, value)

    def recall(self, key: str, default: Any = None) -> Any:
        """A piece of the app's state."""
        return self.collection.settings.get(_REMEMBERED + key, default)


def launch_run(parent: Path, manifest: Path, recipe: Recipe, name: str, processes: int = 1) -> RunFolder:
    """Make a run folder below `parent` and start its worker.

    Raises:
        UserError: a manifest that was changed, no model, a worker that does not start.
    """
    if not recipe.model.path:
        raise UserError("the recipe names no base model", "give --model PATH, or set model.path")
    with open_manifest(manifest) as opened:
        verify_digest(opened)
        digest = opened.digest
    run = RunFolder.create(parent, name, dump_recipe(recipe), manifest, digest)
    launch.start(run, processes)
    return run


def manifest_captions(manifest: Path, row: int, epochs: range, seed: int, copy: int = 0) -> list[str]:
    """The captions of manifest row `row` in `epochs`, exactly as they are trained (row S042)."""
    with open_manifest(manifest) as opened:
        try:
            image = opened.image(row)
        except IndexError:
            raise UserError(
                f"the manifest has no row {row}", f"rows go from 0 to {len(opened) - 1}"
            ) from None
        rules = opened.header.subsets[image.subset].rules
        return [caption_of(image.parts, rules, seed, Sample(epoch, row, copy)) for epoch in epochs]
