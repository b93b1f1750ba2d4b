"""Manifests as files: compared, exported, imported, their captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from curator.contract.errors import UserError
from curator.contract.text import visible

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.manifest.manifest import Manifest
    from curator.freeze.diff import ManifestDiff

Format = Literal["jsonl", "kohya-toml", "kohya-json", "imagefolder", "parquet"]
Progress = Callable[[int, int], None]  # images written, in all; may raise to stop


class Manifests:
    """Manifests as files: compared, exported, imported, their captions. They lie in `folder`, or anywhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def diff(self, first: Path, second: Path) -> ManifestDiff:
        """What differs between two manifests: rule, subsets, images, captions.

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
            return diff(one, other)

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
    ) -> tuple[int, list[str]]:
        """Write a manifest into the folder `target` for other programs; gives how many images, and notes.

        `target` is new, or with `replace` another export.

        Raises:
            UserError: `copy` for a format that brings no images together, or `target` cannot be written.
        """
        from curator.contract.manifest.manifest import open_manifest

        if copy and format not in ("kohya-toml", "imagefolder"):
            raise UserError(f"--copy means nothing for {format}", "no images are brought together")
        with open_manifest(manifest) as opened:
            return len(opened), _exported(opened, target, format, progress, copy=copy, replace=replace)

    def bring_in(self, source: Path, name: str, *, replace: bool = False) -> str:
        """Make an exported manifest (its JSON lines, or the folder they are in) again; gives its digest.

        Raises:
            UserError: a name that is taken or none, or the file cannot be read.
        """
        from curator.contract.locations import MANIFEST_SUFFIX
        from curator.interop.manifests.jsonl import read_jsonl

        file = source / "manifest.jsonl" if source.is_dir() else source
        if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise UserError(
                f"'{visible(name)}' cannot name a manifest", "use letters, digits, '-', '_' and '.'"
            )
        path = self.folder / f"{name}{MANIFEST_SUFFIX}"
        if path.exists() and not replace:
            raise UserError(
                f"there is a manifest named {name}", "choose another name, or replace it with --replace"
            )
        return read_jsonl(file, path, replace=replace)


def _exported(
    manifest: Manifest, target: Path, format: Format, progress: Progress, *, copy: bool, replace: bool
) -> list[str]:
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
    return []
