"""`frieze models`: models that tag, score or caption images, and where their files are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast

import typer

from curator.cli.shared.options import JsonOption
from curator.cli.shared.output import put, put_json, put_json_rows, put_table
from curator.cli.shared.typer_apps import noun
from curator.contract.tagging.zoo import CHARACTER_THRESHOLD, GENERAL_THRESHOLD, ZooModel, find_model, models

if TYPE_CHECKING:
    from curator.cli.schemas.models import ModelReport, ModelRow

app = noun("List and show models that tag, score or caption images.")
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
            "no" if model.missing else "yes",
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
        "repo": about["repo"], "folder": about["folder"], "balance": about["balance"],
    }  # fmt: skip
    for name, value in facts.items():
        if value:
            put(f"{name:<11} {value}")
    put(f"{'files':<11} {', '.join(found.row.files) or 'none'}")
    if found.missing:
        put(f"{'missing':<11} {', '.join(found.missing)}")
    if found.row.kind == "tags":
        put(
            f"{'thresholds':<11} "
            + ", ".join(f"{name} {value:g}" for name, value in about["thresholds"].items())
        )


def _about(model: ZooModel) -> ModelRow:
    usual = {"general": GENERAL_THRESHOLD, "character": CHARACTER_THRESHOLD}
    about = {
        "name": model.name,
        "kind": model.row.kind,
        **asdict(model.row),
        "thresholds": usual | model.row.thresholds if model.row.kind == "tags" else {},
        "folder": str(model.folder),
        "missing": list(model.missing),
    }
    return cast("ModelRow", about)
