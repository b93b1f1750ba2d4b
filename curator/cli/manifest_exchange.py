"""`frieze manifest diff`, `export` and `import`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curator.cli.shared.options import CollectionOption, JsonOption
from curator.cli.shared.output import put, put_json, put_table, say
from curator.cli.shared.places import collection_folder, manifest_file
from curator.cli.shared.progress import Show, progress_shown
from curator.contract.errors import UserError
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.freeze.diff import ManifestDiff

ManifestArgument = Annotated[str, typer.Argument(metavar="MANIFEST", help="Name in the collection, or path.")]
Format = Literal["jsonl", "kohya-toml", "kohya-json", "imagefolder", "parquet"]


def diff(
    first: ManifestArgument,
    second: ManifestArgument,
    *,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two manifests: rule, subsets, pictures, captions."""
    from curator.contract.manifest.manifest import open_manifest
    from curator.freeze.diff import diff as compare

    with (
        open_manifest(manifest_file(first, collection)) as one,
        open_manifest(manifest_file(second, collection)) as other,
    ):
        found = compare(one, other)
    if as_json:
        put_json(asdict(found))
        return
    _put_diff(found)


def _put_diff(found: ManifestDiff) -> None:
    if found.equal:
        put("equal")
        return
    for name, (old, new) in found.rule.items():
        put(f"rule        {name}: {old} -> {new}")
    for name in found.subsets_added:
        put(f"subset      added: {visible(name)}")
    for name in found.subsets_removed:
        put(f"subset      removed: {visible(name)}")
    for name, fields in found.subsets_changed.items():
        for field, (old, new) in fields.items():
            put(f"subset      {visible(name)}: {field}: {visible(repr(old))} -> {visible(repr(new))}")
    if found.images:
        rows = [(each.images, each.what, ", ".join(each.examples)) for each in found.images]
        put_table(rows, ("images", "change", "such as"))


def export(
    manifest: ManifestArgument,
    target: Annotated[Path, typer.Argument(metavar="DIR", help="New folder to write into.")],
    *,
    format: Annotated[Format, typer.Option("--format", help="What to write.")] = "jsonl",
    copy: Annotated[bool, typer.Option("--copy", help="Copy pictures instead of linking to them.")] = False,
    collection: CollectionOption = None,
) -> None:
    """Write a manifest for other programs; JSON lines can be taken in again with 'frieze manifest import'."""
    from curator.contract.manifest.manifest import open_manifest

    if copy and format not in ("kohya-toml", "imagefolder"):
        raise UserError(f"--copy means nothing for {format}", "no pictures are brought together")
    with open_manifest(manifest_file(manifest, collection)) as opened:
        with progress_shown("export", "exported") as show:
            notes = _write(opened, target, format, show, copy=copy)
        count = len(opened)
    for note in notes:
        say(f"note: {visible(note)}")
    put(f"{count} pictures written to {visible(str(target))}")


def _write(manifest: Manifest, target: Path, format: Format, show: Show, *, copy: bool) -> list[str]:
    from curator.interop.manifests.jsonl import write_jsonl
    from curator.interop.manifests.kohya import write_kohya_folders, write_kohya_json
    from curator.interop.manifests.placed_files import export_folder
    from curator.interop.manifests.tables import write_imagefolder, write_parquet

    match format:
        case "jsonl":
            with export_folder(target) as home, (home / "manifest.jsonl").open("w", encoding="utf-8") as file:
                write_jsonl(manifest, file, show)
        case "parquet":
            with export_folder(target) as home:
                write_parquet(manifest, home / "manifest.parquet", show)
        case "imagefolder":
            write_imagefolder(manifest, target, copy=copy, progress=show)
        case "kohya-toml":
            return write_kohya_folders(manifest, target, copy=copy, progress=show)
        case "kohya-json":
            return write_kohya_json(manifest, target, show)
    return []


def import_manifest(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="manifest.jsonl, or the folder it is in.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the manifest shall be called.")],
    *,
    collection: CollectionOption = None,
) -> None:
    """Make an exported manifest again: its digest is that of the first."""
    from curator.contract.manifest.manifest import SUFFIX
    from curator.interop.manifests.jsonl import read_jsonl

    file = source / "manifest.jsonl" if source.is_dir() else source
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UserError(f"'{visible(name)}' cannot name a manifest", "use letters, digits, '-', '_' and '.'")
    path = collection_folder(collection) / "manifests" / f"{name}{SUFFIX}"
    if path.exists():
        raise UserError(f"there is a manifest named {name}", "choose another name")
    put(f"{name}  {read_jsonl(file, path)}")
