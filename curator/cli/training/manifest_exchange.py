"""`frieze manifest diff`, `export` and `import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import (
    CollectionOption,
    DryRunOption,
    JsonOption,
    LimitOption,
    ReplaceOption,
)
from curator.cli.options.places import collection_folder, manifest_file, manifests_of
from curator.cli.shared.output import (
    progress_shown,
    put,
    put_json,
    put_table,
    say,
    say_cut,
    tell,
)
from curator.contract.errors import ExitCode
from curator.contract.text import counted
from curator.session.training.manifests import Format

if TYPE_CHECKING:
    from curator.cli.schemas.collection import ManifestExport
    from curator.cli.schemas.manifests import ManifestDiff as DiffReport
    from curator.cli.schemas.manifests import ManifestImport
    from curator.session.training.manifests import ManifestDiff

ManifestArgument = Annotated[str, typer.Argument(metavar="MANIFEST", help="Name in the collection, or path.")]


def diff(
    first: ManifestArgument,
    second: ManifestArgument,
    *,
    limit: LimitOption = 5,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two manifests: rule, subsets, images, captions. Ends with 1 where anything does.

    Of each kind of change, the first images are named.
    """
    files = manifest_file(first, collection), manifest_file(second, collection)
    found = manifests_of(collection).diff(*files, limit or None)
    if as_json:
        put_json(diff_json(found))
    else:
        put_diff(found)
    if not found.equal:
        raise typer.Exit(ExitCode.NO)


def diff_json(found: ManifestDiff) -> DiffReport:
    """What differs between two manifests."""
    return {
        "schema": "frieze/manifest-diff/1",
        "equal": found.equal,
        "rule": found.rule,
        "subsets_added": found.subsets_added,
        "subsets_removed": found.subsets_removed,
        "subsets_changed": found.subsets_changed,
        "images": [
            {"what": each.what, "images": each.images, "examples": each.examples} for each in found.images
        ],
    }


def put_diff(found: ManifestDiff) -> None:
    """The same in lines."""
    if found.equal:
        put("equal")
        return
    for name, (old, new) in found.rule.items():
        put(f"rule        {name}: {old} -> {new}")
    for name in found.subsets_added:
        put(f"subset      added: {name}")
    for name in found.subsets_removed:
        put(f"subset      removed: {name}")
    for name, fields in found.subsets_changed.items():
        for field, (old, new) in fields.items():
            put(f"subset      {name}: {field}: {old!r} -> {new!r}")
    if found.images:
        rows = [(each.images, each.what, ", ".join(each.examples)) for each in found.images]
        put_table(rows, ("images", "change", "such as"))
        say_cut(sum(len(each.examples) for each in found.images), sum(each.images for each in found.images))


def export(
    manifest: ManifestArgument,
    target: Annotated[Path, typer.Argument(metavar="DIR", help="New folder to write into.")],
    *,
    format: Annotated[Format, typer.Option("--format", help="What to write.")] = "jsonl",
    copy: Annotated[bool, typer.Option("--copy", help="Copy images instead of linking to them.")] = False,
    replace: ReplaceOption = False,
    dry_run: DryRunOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a manifest for other programs; JSON lines can be taken in again with 'frieze manifest import'.

    kohya-toml brings images together in folders such as 3_cats: with --dry-run they are listed, and what is lost.
    """
    file, manifests = manifest_file(manifest, collection), manifests_of(collection)
    with progress_shown("export") as show:
        if dry_run:
            count, made = manifests.planned_export(file, format, show, copy=copy)
        else:
            count, made = manifests.export(file, target, format, show, copy=copy, replace=replace)
    folders, notes = (made.folders, made.notes) if made else ((), ())
    for note in notes:
        say(f"note: {note}")
    if as_json:
        report: ManifestExport = {
            "schema": "frieze/manifest-export/1",
            "path": str(target.absolute()),
            "images": count,
            "folders": [
                {"name": each.name, "images": each.images, "repeats": each.repeats} for each in folders
            ],
            "notes": notes,
            "dry_run": dry_run,
        }
        put_json(report)
        return
    if dry_run and folders:
        put_table(
            [(each.name, each.images, f"{each.repeats:g}") for each in folders], ("name", "images", "repeats")
        )
    tell(f"{counted(count)} {'would be written' if dry_run else 'written'} to {target}")


def import_manifest(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="manifest.jsonl, or the folder it is in.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the manifest shall be called.")],
    *,
    replace: ReplaceOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an exported manifest again: its digest is that of the first."""
    collection = collection_folder(collection)
    with progress_shown("import") as show:
        digest = manifests_of(collection).bring_in(source, name, show, replace=replace)
    if not as_json:
        tell(f"{name}  {digest}")
        return
    path = manifest_file(name, collection).absolute()
    report: ManifestImport = {
        "schema": "frieze/manifest-import/1",
        "name": name,
        "path": str(path),
        "digest": digest,
    }
    put_json(report)
