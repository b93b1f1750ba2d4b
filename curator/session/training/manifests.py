"""Manifests: previewed, checked and frozen of a collection; as files compared, exported, imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from curator.contract.errors import ReplaceableError, UserError

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.buckets import BucketRule
    from curator.contract.manifest.digest import FileProblem
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.progress import Progress as FreezeProgress
    from curator.contract.recipe.recipe import BatchSize
    from curator.freeze.checks.checks import FreezeReport
    from curator.freeze.diff import ManifestDiff
    from curator.freeze.listing import FrozenManifest
    from curator.freeze.preview import FreezePreview
    from curator.index.collection import Collection
    from curator.interop.manifests.kohya import KohyaExport
    from curator.reports.manifest_facts import BucketFacts, SubsetFacts

Format = Literal["jsonl", "kohya-toml", "kohya-json", "imagefolder", "parquet"]
_KOHYA = ("kohya-toml", "kohya-json")
Progress = Callable[[int, int], None]  # images written, in all; may raise to stop


class ManifestContents(NamedTuple):
    """What a manifest holds: the rule of its buckets, what it was chosen from by reason, its subsets and buckets."""

    rule: BucketRule
    funnel: tuple[tuple[str, int], ...]
    subsets: tuple[SubsetFacts, ...]
    buckets: tuple[BucketFacts, ...]


class ManifestCheck(NamedTuple):
    """A manifest that was verified, and which of its images are not what was frozen."""

    digest: str
    images: int
    problems: tuple[FileProblem, ...]


class Freezing:
    """The freeze of a collection: its preview, its findings, its manifests."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def preview(self, batch: BatchSize | None = None) -> FreezePreview:
        """What an epoch would be, were the collection frozen now."""
        from curator.freeze.collection import epoch_of

        return epoch_of(self._collection, batch)

    def check(
        self,
        batch: BatchSize | None = None,
        rule: BucketRule | None = None,
        only: Sequence[str] = (),
        captions: Mapping[str, Any] | None = None,
    ) -> FreezeReport:
        """Everything that would stop or trouble a training; `rule`, `only` and `captions` as in `write`."""
        from curator.freeze.collection import report_of

        return report_of(self._collection, batch, rule, only, captions)

    def write(
        self,
        name: str,
        progress: FreezeProgress | None = None,
        *,
        rule: BucketRule | None = None,
        only: Sequence[str] = (),
        captions: Mapping[str, Any] | None = None,
        replace: bool = False,
    ) -> FrozenManifest:
        """Write `manifests/NAME.manifest` of all subsets, or `only` of these; `captions`: rules of all, for their own.

        What stops and what is refused: see `freeze.collection`.
        """
        from curator.freeze.collection import freeze_named

        return freeze_named(
            self._collection, name, progress, rule=rule, only=only, captions=captions, replace=replace
        )

    def standing(
        self,
        name: str,
        rule: BucketRule | None = None,
        only: Sequence[str] = (),
        captions: Mapping[str, Any] | None = None,
    ) -> FrozenManifest | None:
        """The manifest that `write` would only repeat: that of the name, or where none is, the newest.

        Decided by the same facts as a freeze: rule, subsets, folders, and the digest of what would be written.
        """
        from curator.freeze.collection import standing

        return standing(self._collection, name, rule, only, captions)

    def changes_since(self, manifest: FrozenManifest) -> int:
        """How many edits and scans have changed the collection since a manifest of it was frozen."""
        with self._collection.reading():
            return self._collection.journal.count_since(manifest.index_commit)

    def diff_to_now(self, manifest: FrozenManifest, progress: FreezeProgress | None = None) -> ManifestDiff:
        """What differs between a manifest and what a freeze now would write.

        Raises:
            UserError: it cannot be read, nothing would be frozen, or there is no space for a moment.
        """
        from curator.freeze.collection import changes_since

        return changes_since(self._collection, manifest.path, progress)

    def manifests(self, passed_over: Callable[[UserError], None] | None = None) -> list[FrozenManifest]:
        """The manifests of the collection, newest first; `passed_over` hears of those that cannot be read."""
        from curator.contract.locations import manifests_folder
        from curator.freeze.listing import manifests_in

        return manifests_in(manifests_folder(self._collection.folder), passed_over)


class Manifests:
    """Manifests as files: compared, exported, imported, their captions. They lie in `folder`, or anywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self, passed_over: Callable[[UserError], None] | None = None) -> list[FrozenManifest]:
        """The manifests, newest first; `passed_over` hears of those that cannot be read."""
        from curator.freeze.listing import manifests_in

        return manifests_in(self.folder, passed_over)

    @staticmethod
    def contents(manifest: Path) -> ManifestContents:
        """What a manifest holds, counted.

        Raises:
            UserError: it cannot be read.
        """
        from curator.contract.manifest.manifest import open_manifest
        from curator.reports.manifest_facts import buckets_of, subsets_of

        with open_manifest(manifest, checks_seal=False) as opened:
            header = opened.header
            return ManifestContents(
                header.rule, header.provenance.funnel, tuple(subsets_of(opened)), tuple(buckets_of(opened))
            )

    def diff(self, first: Path, second: Path, examples: int | None = 5) -> ManifestDiff:
        """What differs between two manifests: rule, subsets, images, captions; `examples` paths of each kind of change.

        Raises:
            UserError: one of them cannot be read, or was changed after it was frozen.
        """
        from curator.contract.manifest.digest import verify_digest
        from curator.contract.manifest.manifest import open_manifest
        from curator.freeze.diff import diff

        with (
            open_manifest(first, checks_seal=False) as one,
            open_manifest(second, checks_seal=False) as other,
        ):
            for manifest in (one, other):
                verify_digest(manifest)  # its seal first
            return diff(one, other, examples)

    def captions(
        self, manifest: Path, row: int, epochs: range, seed: int, copy: int = 0, *, step: int | None = None
    ) -> list[str]:
        """The captions of manifest row `row` in `epochs`, exactly as they are trained (row S042)."""
        from curator.freeze.captions import manifest_captions

        return manifest_captions(manifest, row, epochs, seed, copy, step=step)

    def export(
        self,
        manifest: Path,
        target: Path,
        format: Format,
        progress: Progress,
        *,
        copy: bool = False,
        replace: bool = False,
    ) -> tuple[int, KohyaExport | None]:
        """Write a manifest into the folder `target` for other programs; gives how many images, and for kohya what of.

        `target` is new, or with `replace` another export.

        Raises:
            UserError: `copy` for a format that brings no images together, or `target` cannot be written.
        """
        from curator.contract.manifest.manifest import open_manifest

        _check_copy(format, copy=copy)
        with open_manifest(manifest) as opened:
            count = len(opened.trained if format in _KOHYA else opened)
            return count, _exported(opened, target, format, progress, copy=copy, replace=replace)

    def planned_export(
        self, manifest: Path, format: Format, progress: Progress, *, copy: bool = False
    ) -> tuple[int, KohyaExport | None]:
        """How many images `export` would write, and for kohya what of; nothing is written.

        Raises:
            UserError: as `export`, as far as `target` has no part in it.
        """
        from curator.contract.manifest.manifest import open_manifest
        from curator.interop.manifests.kohya import planned_kohya

        _check_copy(format, copy=copy)
        with open_manifest(manifest) as opened:
            if format not in _KOHYA:
                return len(opened), None
            return len(opened.trained), planned_kohya(opened, progress, with_folders=format == "kohya-toml")

    @staticmethod
    def verify(manifest: Path, progress: Progress, *, quick: bool = False) -> ManifestCheck:
        """Compare a manifest with its digest, and its images with what was frozen; `quick`: only their file sizes.

        Raises:
            DamagedManifestError: the manifest itself is not what was frozen.
        """
        from curator.contract.manifest.digest import verify_digest, verify_files
        from curator.contract.manifest.manifest import open_manifest

        with open_manifest(manifest) as opened:
            verify_digest(opened)
            total = len(opened)
            problems: list[FileProblem] = []
            for done, problem in enumerate(verify_files(opened, read_all=not quick), 1):
                progress(done, total)
                problems += [problem] if problem else []
            return ManifestCheck(opened.digest, total, tuple(problems))

    @staticmethod
    def check_name(name: str) -> None:
        """Refuse what cannot name a manifest.

        Raises:
            UserError: it cannot.
        """
        if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise UserError(f"'{name}' cannot name a manifest", "use letters, digits, '-', '_' and '.'")

    def bring_in(self, source: Path, name: str, progress: Progress, *, replace: bool = False) -> str:
        """Make an exported manifest (its JSON lines, or the folder they are in) again; gives its digest.

        `progress` hears images; how many there are in all (0) is not known before.

        Raises:
            UserError: a name that is taken or none, or the file cannot be read.
        """
        from curator.contract.locations import MANIFEST_SUFFIX
        from curator.interop.manifests.jsonl import read_jsonl

        file = source / "manifest.jsonl" if source.is_dir() else source
        self.check_name(name)
        path = self.folder / f"{name}{MANIFEST_SUFFIX}"
        if path.exists() and not replace:
            raise ReplaceableError(
                f"there is a manifest named {name}", "choose another name, or replace it with --replace"
            )
        return read_jsonl(file, path, progress, replace=replace)


def _check_copy(format: Format, *, copy: bool) -> None:
    if copy and format not in ("kohya-toml", "imagefolder"):
        raise UserError(f"--copy means nothing for {format}", "no images are brought together")


def _exported(
    manifest: Manifest, target: Path, format: Format, progress: Progress, *, copy: bool, replace: bool
) -> KohyaExport | None:
    from curator.interop.manifests.jsonl import write_jsonl
    from curator.interop.manifests.kohya import write_kohya_folders, write_kohya_json
    from curator.interop.manifests.placed_files import export_folder
    from curator.interop.manifests.tables import write_imagefolder, write_parquet

    match format:
        case "jsonl":
            with (
                export_folder(target, replace=replace) as home,
                (home / "manifest.jsonl").open("w", encoding="utf-8") as file,
            ):
                write_jsonl(manifest, file, progress)
        case "parquet":
            with export_folder(target, replace=replace) as home:
                write_parquet(manifest, home / "manifest.parquet", progress)
        case "imagefolder":
            write_imagefolder(manifest, target, copy=copy, progress=progress, replace=replace)
        case "kohya-toml":
            return write_kohya_folders(manifest, target, copy=copy, progress=progress, replace=replace)
        case "kohya-json":
            return write_kohya_json(manifest, target, progress, replace=replace)
    return None
