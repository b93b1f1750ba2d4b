"""`frieze adapter`: what an adapter would hold, told before it is trained."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from curator.cli.options.options import JsonOption
from curator.cli.shared.output import put, put_json, put_table
from curator.cli.shared.typer_apps import noun
from curator.cli.training.recipe_commands import RecipeArgument, SetOption
from curator.contract.errors import UserError
from curator.contract.recipe.toml_file import load_recipe, with_values
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.training import AdapterPlan, PlannedAdapter

app = noun("Plan an adapter.")


@app.callback()
def _group() -> None:
    """Plan an adapter."""


@app.command()
def plan(
    recipe: RecipeArgument,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="Base model: a folder, a file, or a hub name.")
    ] = None,
    family: Annotated[
        str | None,
        typer.Option("--family", metavar="FAMILY", help="The standard model of sd1, sd2 or sdxl instead."),
    ] = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the modules of the file a recipe would write, with ranks, shapes and size. No weights are loaded."""
    from curator.session.training.adapters import plan_adapter

    chosen = load_recipe(recipe, sets or ())
    if model is not None and family is not None:
        raise UserError("--model and --family name two models", "give one of them")
    if model is not None:
        chosen = with_values(chosen, {"model.path": model})
    planned = plan_adapter(chosen, family)
    if as_json:
        report: AdapterPlan = {"schema": "frieze/adapter-plan/1", **cast("PlannedAdapter", planned)}
        put_json(report)
        return
    put_table([_row(each) for each in planned["modules"]], ("module", "kind", "rank", "alpha", "tensors"))
    kinds = Counter(each["kind"] for each in planned["modules"])
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    size = planned["bytes"] / 2**20
    put(
        f"{counted(len(planned['modules']), 'module')} ({counts}):"
        f" {counted(planned['parameters'], 'parameter')}, {size:,.1f} MiB"
    )


def _row(module: dict[str, Any]) -> tuple[str, ...]:
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in module["shapes"].items())
    alpha = "" if module["alpha"] is None else f"{module['alpha']:g}"
    return module["name"], module["kind"], str(module["rank"] or ""), alpha, shapes
