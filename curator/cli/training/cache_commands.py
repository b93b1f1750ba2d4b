"""`frieze cache`: latents and captions that were encoded once, listed, verified, pruned and exported (row B05)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, DryRunOption, JsonOption, ReplaceOption
from curator.cli.options.places import caches_of, manifest_file
from curator.cli.shared.output import progress_shown, put_json, put_json_rows, put_table, tell
from curator.cli.shared.typer_apps import noun
from curator.cli.training.manifest_exchange import ManifestArgument
from curator.contract.clock import clock_time, iso_time
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from curator.cli.schemas.caches import CacheCheckReport, CacheExport, CachePrune, CacheRow

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", metavar="DIR", help="Folder of the caches; default: the collection's."),
]
app = noun("List, verify, prune and export what models encoded once.")


@app.command("list")
def list_caches(
    folder: FolderOption = None, collection: CollectionOption = None, as_json: JsonOption = False
) -> None:
    """List the caches, those used last first."""
    found = caches_of(collection, folder).all()
    if as_json:
        rows: Iterator[CacheRow] = (
            {
                "name": each.name,
                "kind": each.kind,
                "model": each.model,
                "entries": each.entries,
                "bytes": each.bytes,
                "made_at": iso_time(each.made_at),
                "last_used": iso_time(each.last_used),
                "used_by": each.used_by,
            }
            for each in found
        )
        put_json_rows(rows)
        return
    table = [
        (each.name, each.model, each.entries, _size(each.bytes), clock_time(each.last_used)) for each in found
    ]
    put_table(table, ("name", "model", "entries", "size", "last used"))


@app.command()
def verify(
    folder: FolderOption = None, collection: CollectionOption = None, as_json: JsonOption = False
) -> None:
    """Read every entry and compare it with its checksum. A damaged one is never trained from.

    Ends with 1 where some are damaged.
    """
    with progress_shown("verify", "bytes") as show:
        checks = caches_of(collection, folder).verify(show)
    if as_json:
        report: CacheCheckReport = {
            "schema": "frieze/cache-verify/1",
            "caches": [
                {"name": each.name, "entries": each.entries, "damaged": each.damaged} for each in checks
            ],
        }
        put_json(report)
    else:
        put_table(
            [(each.name, each.entries, each.damaged) for each in checks], ("name", "entries", "damaged")
        )
    damaged = sum(each.damaged for each in checks)
    if damaged:
        raise UserError(
            f"{counted(damaged, 'entry is', 'entries are')} damaged, and never used",
            "frieze cache prune --damaged removes them; the next run encodes them anew",
            ExitCode.NO,
        )


@app.command()
def prune(
    *,
    unused: Annotated[
        bool, typer.Option("--unused", help="What no manifest of the collection or of a run needs.")
    ] = False,
    unused_days: Annotated[
        float | None,
        typer.Option(
            "--unused-days",
            metavar="D",
            min=0,
            help="Caches that no run used for D days; default: not asked.",
        ),
    ] = None,
    most_gib: Annotated[
        float | None,
        typer.Option(
            "--most-gib",
            metavar="G",
            min=0,
            help="What was used least lately, until all take at most G GiB; default: any size.",
        ),
    ] = None,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Entries that are not what was written; all are read.")
    ] = False,
    dry_run: DryRunOption = False,
    folder: FolderOption = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove entries that nothing needs; what a run writes to now stays. Runs encode anew what they miss."""
    with progress_shown("prune", "parts") as show:
        done = caches_of(collection, folder).prune(
            show,
            unused=unused,
            unused_days=unused_days,
            damaged=damaged,
            most_bytes=None if most_gib is None else round(most_gib * 2**30),
            dry_run=dry_run,
        )
    if as_json:
        report: CachePrune = {
            "schema": "frieze/cache-prune/1",
            "dry_run": dry_run,
            "entries": sum(done.entries.values()),
            "bytes": done.bytes,
            "caches": [{"name": name, "entries": entries} for name, entries in done.entries.items()],
            "shards_in_use": done.in_use,
        }
        put_json(report)
        return
    put_table(list(done.entries.items()), ("name", "entries"))
    would = "would be removed" if dry_run else "removed"
    tell(f"{counted(sum(done.entries.values()), 'entry', 'entries')} {would}, {_size(done.bytes)}")
    if done.in_use:
        tell(f"{counted(done.in_use, 'part is', 'parts are')} in use and left as they are")


@app.command()
def export(
    manifest: ManifestArgument,
    *,
    cache: Annotated[
        str | None,
        typer.Option("--cache", metavar="NAME", help="Which cache of latents; default: the only one."),
    ] = None,
    replace: ReplaceOption = False,
    dry_run: DryRunOption = False,
    folder: FolderOption = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the latents of a manifest's images beside them, as .npz files that kohya's sd-scripts reads.

    Such a file holds one latent and no distribution: it gets the mean. Files that are there stay without --replace.
    """
    with progress_shown("export") as show:
        done = caches_of(collection, folder).export(
            manifest_file(manifest, collection), cache, show, replace=replace, dry_run=dry_run
        )
    if as_json:
        report: CacheExport = {
            "schema": "frieze/cache-export/1",
            "dry_run": dry_run,
            "written": done.written,
            "there": done.there,
            "missing": done.missing,
        }
        put_json(report)
        return
    would = "would be written" if dry_run else "written"
    tell(
        f"{counted(done.written, 'file')} {would}, {done.there:,} there, {done.missing:,} without cached latents"
    )


def _size(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.1f} MiB"
