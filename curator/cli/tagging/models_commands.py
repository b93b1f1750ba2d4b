"""`frieze models`: models that tag, score or caption images; their files, and how these are fetched."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from curator.cli.options.options import JsonOption
from curator.cli.shared.output import (
    progress_shown,
    put,
    put_json,
    put_json_rows,
    put_table,
    say,
    tell,
)
from curator.cli.shared.typer_apps import noun
from curator.contract.errors import ExitCode, UserError
from curator.contract.tagging.zoo import CHARACTER_THRESHOLD, GENERAL_THRESHOLD, ZooModel, find_model, models
from curator.contract.text import counted
from curator.session.images.model_files import check_source, fetch_files, is_whole

if TYPE_CHECKING:
    from curator.cli.schemas.models import FetchReport, ModelReport, ModelRow

_UNPINNED = "its files are what the hub has when they are first fetched; their hashes are noted, and hold from then on"

app = noun("List, show and fetch models that tag, score or caption images.")
ModelArgument = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A name of the list, or a folder with model.onnx and its labels."),
]


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models: what each gives, its licence, and whether its files are there."""
    found = models().values()
    if as_json:
        put_json_rows(_about(model) for model in found)
        return
    rows = [
        (
            model.name,
            model.row.kind,
            model.row.licence,
            model.row.balance or "",
            "yes" if is_whole(model) else "no",
        )
        for model in found
    ]
    put_table(rows, ("name", "gives", "licence", "balance", "there"))


@app.command()
def show(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Show one model: where its files are or come from, its licence, and its thresholds."""
    found = find_model(model)
    about = _about(found)
    if as_json:
        report: ModelReport = {"schema": "frieze/model/1", **about}
        put_json(report)
        return
    facts = {
        "name": about["name"], "about": about["about"], "kind": about["kind"], "licence": about["licence"],
        "repo": about["repo"], "revision": about["revision"], "folder": about["folder"], "balance": about["balance"],
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            put(f"{name:<11} {value}")
    put(f"{'files':<11} {', '.join(found.row.files) or 'none'}")
    if found.row.repo and found.row.family != "endpoint":
        put(f"{'pinned':<11} {'yes' if found.row.is_pinned else f'no: {_UNPINNED}'}")
    put(f"{'there':<11} {'yes' if is_whole(found) else 'no'}")
    if found.missing:
        put(f"{'missing':<11} {', '.join(found.missing)}")
    if found.row.repo and not is_whole(found):
        say(f"fetch it with: frieze models fetch {found.name}")
    if found.row.kind == "tags":
        put(
            f"{'thresholds':<11} "
            + ", ".join(f"{name} {value:g}" for name, value in about["thresholds"].items())
        )


@app.command()
def fetch(
    model: ModelArgument,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take the model's licence without being asked.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fetch a model's files from the Hugging Face hub; a fetch that broke off goes on where it was.

    Files are checked against their hashes, those that are there already as well; with all there no network is needed.
    """
    found = find_model(model)
    check_source(found)
    if not is_whole(found):
        if not found.row.is_pinned:
            say(f"{found.name} is not pinned: {_UNPINNED}")
        _ask_about_licence(found, yes)
    try:
        with progress_shown("fetch", "bytes") as show:
            files = fetch_files(found, show)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"\nwhat has come is kept; go on with: frieze models fetch {model}") from None
    if as_json:
        report: FetchReport = {
            "schema": "frieze/model-fetch/1",
            "model": found.name,
            "repo": found.row.repo,
            "licence": found.row.licence,
            "folder": str(found.folder),
            "files": [asdict(each) for each in files],  # pyright: ignore[reportAssignmentType]
        }
        put_json(report)
        return
    new = [each for each in files if each.is_new]
    if new:
        size_mb = sum(each.bytes for each in new) / 1e6
        tell(f"{found.name}: {counted(len(new), 'file')} fetched, {size_mb:,.1f} MB")
    else:
        tell(f"{found.name}: nothing is missing; {counted(len(files), 'file')} checked")


def _ask_about_licence(model: ZooModel, yes: bool) -> None:
    """Tell the licence, and ask whether to go on.

    Raises:
        UserError: nobody can be asked.
    """
    name = model.name
    say(f"licence of {name}: {model.row.licence}; see the page of {model.row.repo}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"the licence of {name} is yours to take", "add --yes")
    if not typer.confirm(f"Fetch {name}?", err=True):
        say("nothing was fetched")
        raise typer.Exit(ExitCode.NO)


def _about(model: ZooModel) -> ModelRow:
    usual = {"general": GENERAL_THRESHOLD, "character": CHARACTER_THRESHOLD}
    about = {
        "name": model.name,
        "kind": model.row.kind,
        **asdict(model.row),
        "thresholds": usual | model.row.thresholds if model.row.kind == "tags" else {},
        "folder": str(model.folder),
        "is_pinned": model.row.is_pinned,
        "missing": list(model.missing),
        "is_there": is_whole(model),
    }
    return cast("ModelRow", about)
