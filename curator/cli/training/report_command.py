"""`frieze report`: one HTML page about a run or a manifest (row B20)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, ReplaceOption
from curator.cli.options.places import manifest_file, runs_of
from curator.cli.shared.output import progress_shown, put_json, tell
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.locations import MANIFEST_SUFFIX
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.collection import PageReport
    from curator.contract.run.run_folder import RunFolder

_PICTURES = 60


def report(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MANIFEST",
            help="A run by its name, its beginning or folder; a manifest by name or file.",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page; default: NAME.html in the current folder."),
    ] = None,
    pictures: Annotated[
        int,
        typer.Option(
            "--pictures", metavar="N", min=0, help="At most so many pictures in the page; 0 is none."
        ),
    ] = _PICTURES,
    replace: ReplaceOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML page about a run or a manifest: readable on a phone, in one file, without a script.

    Of a run: curves, samples, recipe, data, losses of single images, warnings, hashes. Of a manifest: funnel, subsets,
    buckets, tags, examples with their captions, findings. Captions and file names are in it: mind whom you send it to.
    """
    from curator.session.reports import report_on_manifest, report_on_run

    run, manifest = _meant(subject, collection)
    if run is not None:
        kind, name = "run", run.info().name
        path = out or Path(f"{run.path.name}.html")
        with progress_shown("write") as show:
            done = report_on_run(run, path, pictures, show, replace=replace)
    else:
        assert manifest is not None
        kind, name = "manifest", manifest.name.removesuffix(MANIFEST_SUFFIX)
        path = out or Path(f"{name}.html")
        with progress_shown("write") as show:
            done = report_on_manifest(manifest, path, pictures, show, replace=replace)
    if as_json:
        about: PageReport = {
            "schema": "frieze/report/1",
            "subject": kind,
            "name": name,
            "path": str(path.absolute()),
            "bytes": done.bytes,
            "pictures": done.pictures,
            "pictures_left_out": done.left_out,
        }
        put_json(about)
        return
    beyond = f", {done.left_out:,} left out (--pictures {pictures})" if done.left_out else ""
    tell(f"wrote {path}: {done.bytes / 1e6:,.1f} MB, {counted(done.pictures, 'picture')}{beyond}")


def _meant(subject: str, collection: Path | None) -> tuple[RunFolder | None, Path | None]:
    """The run, or the manifest, of that name.

    Raises:
        UserError: there is neither, or either.
    """
    place = Path(subject)
    if place.is_file():
        return None, manifest_file(subject, collection)
    if place.is_dir() and "/" in subject:
        return runs_of(collection).find(subject), None
    run, manifest = _run(subject, collection), _manifest(subject, collection)
    if isinstance(run, UserError):
        if isinstance(manifest, UserError):
            hint = f"{run.hint}; of manifests: {manifest.hint}"
            raise UserError(f"there is no run and no manifest '{subject}'", hint) from run
        return None, manifest
    if isinstance(manifest, UserError) or run.path.name == subject:
        return run, None
    if run.info().name != subject:  # the manifest has the whole name, the run only begins so
        return None, manifest
    raise UserError(
        f"'{subject}' is a run and a manifest", f"write {run.path}, or {subject}{MANIFEST_SUFFIX}"
    )


def _run(name: str, collection: Path | None) -> RunFolder | UserError:
    try:
        return runs_of(collection).find(name)
    except UserError as error:
        return error


def _manifest(name: str, collection: Path | None) -> Path | UserError:
    try:
        return manifest_file(name, collection)
    except UserError as error:
        return error


app = single(report)
