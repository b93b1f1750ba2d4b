"""`frieze sample`: images rendered from saved weights, as a client would, or planned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import runs_of
from curator.cli.shared.output import progress_shown, put, put_json, put_json_rows, put_table, say
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.prompts.files import as_lines, read_prompts
from curator.contract.prompts.lines import ReadPrompt
from curator.contract.recipe.checks import check_recipe, read_sample_prompts
from curator.contract.recipe.recipe import Recipe
from curator.contract.recipe.toml_file import parse_set, with_values

if TYPE_CHECKING:
    from curator.cli.schemas.training import PlannedSample, RenderedImage, RenderReport
    from curator.session.training.samples import Adapters

_SECTIONS = ("model", "text", "sample")
_OF_RUNS = ("sample.prompts", "sample.at_start", "sample.at_end", "sample.every_steps", "sample.every_epochs")
_COLUMNS = ("prompt", "negative_prompt", "width", "height", "seed", "scale", "steps", "sampler")


def sample(
    *,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="A run: its model, with what it trained.")
    ] = None,
    step: Annotated[
        int | None,
        typer.Option("--step", metavar="N", min=0, help="Its weights of this step; default: last."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="A model: folder, file or hub id.")
    ] = None,
    adapters: Annotated[
        list[str] | None,
        typer.Option("--adapter", metavar="FILE[@RATIO]", help="An adapter to add; may be repeated."),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", metavar="FILE", help="Prompts: lines, TOML or JSON; default: the run's."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the images go.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over images that are there.")] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of model, text or sample; may be repeated."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what the prompts say, and make nothing.")
    ] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Render images from a run's weights, or from a model with adapters, as any client would.

    The same seed makes the same image. What a line does not say is as the run's recipe has it, or its default.
    """
    if plan:
        _refuse_beside_plan({"--adapter": adapters, "--out": out, "--replace": replace, "--set": sets})
        _plan(_read(prompts, run, collection), as_json)
        return
    if out is None:
        raise UserError("no folder is given for the images", "add --out DIR, or --plan to make none")
    recipe, mine = _weights(run, step, model, collection)
    recipe = _asked(recipe, prompts, sets or ())
    images = _made(recipe, (*mine, *map(_adapter, adapters or ())), out, replace)
    if as_json:
        report: RenderReport = {"schema": "frieze/sample/1", "folder": str(out.absolute()), "images": images}
        put_json(report)
        return
    for image in images:
        put(f"{image['path']}  {image['prompt']}")


def _refuse_beside_plan(given: dict[str, object]) -> None:
    for option, value in given.items():
        if value:
            raise UserError(f"{option} would have no effect with --plan", "leave one of them out")


def _read(prompts: Path | None, run: str | None, collection: Path | None) -> list[ReadPrompt]:
    if prompts is not None:
        return read_prompts(prompts)
    if run is None:
        raise _no_prompts()
    from curator.contract.recipe.toml_file import load_recipe

    recipe = load_recipe(runs_of(collection).find(run).recipe_path)
    if not recipe.sample.prompts:
        raise _no_prompts()
    return read_sample_prompts(recipe.sample)


def _no_prompts() -> UserError:
    return UserError("no prompts are given", "add --prompts FILE, with a prompt a line")


def _plan(read: Sequence[ReadPrompt], as_json: bool) -> None:
    _tell_doubts(read)
    rows = [cast("PlannedSample", each.prompt.given()) for each in read]
    if as_json:
        put_json_rows(rows)
        return
    put_table([[row.get(column, "") for column in _COLUMNS] for row in rows], _COLUMNS)


def _tell_doubts(read: Sequence[ReadPrompt]) -> None:
    for each in read:
        for doubt in each.doubts:
            say(f"{doubt.what}: {doubt.hint}")


def _weights(
    run: str | None, step: int | None, model: str | None, collection: Path | None
) -> tuple[Recipe, Adapters]:
    from curator.session.training.samples import weights_of_run

    if run is not None and model is not None:
        raise UserError("--run and --model name two models", "give one of them")
    if run is not None:
        return weights_of_run(runs_of(collection).find(run), step)
    if step is not None:
        raise UserError("--step would have no effect without --run", "leave it out, or give --run RUN")
    if model is None:
        raise UserError("no weights are named", "give --run RUN, or --model M with --adapter FILE")
    place = Path(model).expanduser()
    return with_values(Recipe(), {"model.path": str(place.absolute()) if place.exists() else model}), ()


def _asked(recipe: Recipe, prompts: Path | None, sets: Sequence[str]) -> Recipe:
    """The recipe with what the command line says."""
    changes = dict(map(parse_set, sets))
    for name in changes:
        if name.partition(".")[0] not in _SECTIONS or name in _OF_RUNS:
            raise UserError(
                f"--set: {name} would have no effect on images of saved weights",
                "it is for runs: leave it out",
            )
    if prompts is not None:
        changes["sample.prompts"] = as_lines(read_prompts(prompts), prompts.name)
    recipe = with_values(recipe, {**changes, "sample.at_end": True})
    if not recipe.sample.prompts:
        raise _no_prompts()
    check_recipe(recipe, frozenset(changes), prompts.name if prompts else "--set")
    _tell_doubts(read_sample_prompts(recipe.sample))
    return recipe


def _adapter(text: str) -> tuple[str, float]:
    """A file and its strength; a file may have an @ in its name."""
    path, at, ratio = text.rpartition("@")
    if not at or Path(text).is_file():
        return str(Path(text).expanduser().absolute()), 1.0
    try:
        strength = float(ratio)
    except ValueError:
        strength = math.nan
    if not math.isfinite(strength):
        raise UserError(
            f"--adapter {text}: '{ratio}' is no ratio",
            "write FILE@RATIO, such as a.safetensors@0.8",
        )
    return str(Path(path).expanduser().absolute()), strength


def _made(recipe: Recipe, adapters: Adapters, out: Path, replaces: bool) -> list[RenderedImage]:
    from curator.session.training.samples import make_samples

    def hear(what: str, hint: str) -> None:
        say(f"{what}: {hint}")

    with progress_shown("render") as show:
        made = make_samples(recipe, adapters, out, replaces=replaces, hear=hear, progress=show)
    return cast("list[RenderedImage]", made)


app = single(sample)
