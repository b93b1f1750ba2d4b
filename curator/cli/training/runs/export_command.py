"""`frieze runs export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption, ReplaceOption, RunArgument
from curator.cli.options.places import runs_of
from curator.cli.shared.output import progress_shown, put_json, tell

if TYPE_CHECKING:
    from curator.cli.schemas.managed_runs import RunExport


def export(
    run: RunArgument,
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="PLACE", help="The file to write; of a run that saves folders, the folder."
        ),
    ],
    checkpoint: Annotated[
        str,
        typer.Option(
            "--checkpoint", metavar="STEP|FILE", help="Which weights of the run; default: the last."
        ),
    ] = "",
    replace: ReplaceOption = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the weights of a run to a place without a date in its name: for other programs, and steps of a chain."""
    runs = runs_of(collection)
    found = runs.find(run)
    with progress_shown("copy", "bytes") as show:
        copied = runs.weights.export(found, out, checkpoint, show, replace=replace)
    if as_json:
        report: RunExport = {
            "schema": "frieze/run-export/1",
            "run": found.path.name,
            "weights": str(copied.weights.absolute()),
            "path": str(out.absolute()),
            "bytes": copied.bytes,
        }
        put_json(report)
        return
    tell(f"{out} is {copied.weights.name} of the run {found.path.name}")
