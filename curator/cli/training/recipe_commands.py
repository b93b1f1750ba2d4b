"""`frieze recipe`: recipes listed, shown, compared and checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import JsonOption, ReplaceOption
from curator.cli.shared.output import (
    put,
    put_json,
    put_json_map,
    put_json_rows,
    put_table,
    put_text,
    say,
    tell,
)
from curator.cli.shared.typer_apps import noun
from curator.contract.errors import nearest
from curator.contract.recipe.presets import presets

if TYPE_CHECKING:  # the list of presets loads nothing of what a recipe is
    from curator.cli.schemas.training import (
        KeyChange,
        KeyRow,
        KeyValue,
        PresetRow,
        RateFactor,
        RecipeCheck,
        RecipeImport,
    )
    from curator.contract.recipe.fields import FieldInfo
    from curator.contract.recipe.recipe import Recipe
    from curator.session.training.recipes import ImportedRecipe

app = noun("List, show and check recipes; list their keys.")

RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a preset, or a TOML file.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key; may be repeated.")
]


@app.command("list")
def list_recipes(as_json: JsonOption = False) -> None:
    """List the presets."""
    if as_json:
        rows: Iterator[PresetRow] = ({"name": name, "about": about} for name, about in presets().items())
        put_json_rows(rows)
        return
    put_table(presets().items(), ("name", "about"))


@app.command()
def show(
    recipe: RecipeArgument,
    sets: SetOption = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="RECIPE", help="Print only what differs from this recipe."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a recipe whole: every key that holds, ready to keep as a file; with --json also where each is from."""
    from curator.contract.recipe.fields import toml_value
    from curator.contract.recipe.toml_file import differences, dump_recipe, load_recipe, sources_of

    shown = load_recipe(recipe, sets or ())
    if against is None:
        if as_json:
            put_json_map(_whole(shown, sources_of(recipe, sets or ())))
        else:
            put_text(dump_recipe(shown).rstrip("\n"))
        return
    changes = differences(load_recipe(against), shown)
    if as_json:
        rows: Iterator[KeyChange] = (
            {"key": key, "before": before, "after": after} for key, before, after in changes
        )
        put_json_rows(rows)
        return
    for key, before, after in changes:
        put(f"{key} = {toml_value(after)}  # {toml_value(before)} in {against}")


@app.command()
def check(recipe: RecipeArgument, sets: SetOption = None, as_json: JsonOption = False) -> None:
    """Say whether a recipe can be followed; an unknown or idle key is refused."""
    from curator.contract.recipe.checks import recipe_warnings
    from curator.contract.recipe.toml_file import load_recipe
    from curator.contract.run.schedule_doubts import check_schedule, known_steps, schedule_warnings

    checked = load_recipe(recipe, sets or ())
    steps = known_steps(checked)
    if steps:
        check_schedule(checked, steps)
    warnings = [*recipe_warnings(checked), *(schedule_warnings(checked, steps) if steps else ())]
    if as_json:
        report: RecipeCheck = {
            "schema": "frieze/recipe-check/1",
            "recipe": recipe,
            "doubts": [{"what": each.what, "hint": each.hint} for each in warnings],
        }
        put_json(report)
        return
    for warning in warnings:
        say(f"{warning.what}: {warning.hint}")
    put(f"{recipe} is sound")


@app.command("import")
def import_settings(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Script with sd-scripts' launch line, its --config_file, or JSON of kohya_ss or OneTrainer.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="RECIPE", help="TOML file to write; default: print the recipe."),
    ] = None,
    script: Annotated[
        str,
        typer.Option(
            "--script",
            metavar="NAME",
            help="What a --config_file is for, such as sdxl_train_network; default: guess.",
        ),
    ] = "",
    replace: ReplaceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a recipe of another trainer's settings, and tell what became of each."""
    from curator.session.training.recipes import import_recipe, write_recipe

    made = import_recipe(file, script.removesuffix(".py"))
    if out is not None:
        write_recipe(made, out, replaces=replace)
    if as_json:
        put_json(_import_report(made, out))
        return
    if out is None:
        put_text(made.toml().rstrip("\n"))
    for line in made.lines:
        if line.outcome not in ("carried", "default"):
            say(
                f"{line.outcome}: {line.setting} {line.value}".rstrip()
                + _becomes(line.key, line.becomes, line.why)
            )
    counts = Counter(line.outcome for line in made.lines)
    say(f"{file}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    if made.hindrance:
        say(f"before it can be followed: {made.hindrance}")
    if out is not None:
        tell(f"wrote {out}")


@app.command()
def lr(
    recipe: RecipeArgument,
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=1, help="Length of the run in steps.")],
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what the learning rates of UNet and text encoder are multiplied with at each step of a run."""
    from curator.contract.recipe.toml_file import load_recipe
    from curator.contract.run.schedule_doubts import schedule_warnings
    from curator.contract.run.schedules import lr_factor

    chosen = load_recipe(recipe, sets or ())
    for warning in schedule_warnings(chosen, steps):
        say(f"{warning.what}: {warning.hint}")
    factors = ((step, lr_factor(chosen, step, steps)) for step in range(steps))
    if as_json:
        rows: Iterator[RateFactor] = (
            {"step": step, "unet": factor, "text": factor} for step, factor in factors
        )
        put_json_rows(rows)
        return
    put_table(
        ((step, f"{factor:.6f}", f"{factor:.6f}") for step, factor in factors), ("step", "unet", "text")
    )


@app.command()
def fields(
    word: Annotated[str, typer.Argument(metavar="[WORD]", help="Only keys that hold this word.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the keys of a recipe with type, default, range and meaning."""
    from curator.contract.recipe.fields import recipe_fields, toml_value

    known = recipe_fields()
    chosen = [info for name, info in known.items() if word in name or word in info.help]
    if as_json:
        put_json_rows(_about(info) for info in chosen)
        return
    if not chosen:
        near = nearest(word, known)
        put(f"no key holds '{word}'" + (f"; did you mean '{near}'?" if near else ""))
        return
    put_table(
        [(info.name, toml_value(info.default), _range(info), info.help) for info in chosen],
        ("key", "default", "takes", "meaning"),
    )


def _becomes(key: str, value: str, why: str) -> str:
    told = f" -> {key} = {value}" if value else ""
    return told + (f": {why}" if why else "")


def _import_report(made: ImportedRecipe, out: Path | None) -> RecipeImport:
    return {
        "schema": "frieze/recipe-import/1",
        "tool": made.tool,
        "file": str(out.absolute()) if out else None,
        "recipe": dict(made.values),
        "settings": [
            {
                "setting": line.setting,
                "value": line.value,
                "outcome": line.outcome,
                "key": line.key,
                "becomes": line.becomes,
                "why": line.why,
            }
            for line in made.lines
        ],
        "hindrance": made.hindrance,
    }


def _whole(recipe: Recipe, sources: Mapping[str, str]) -> dict[str, KeyValue]:
    """Every key with its value, where that is from, and whether it holds in this recipe."""
    from curator.contract.recipe.fields import active_fields, recipe_fields
    from curator.contract.recipe.toml_file import values_of

    active = set(active_fields(recipe))
    return {
        name: {
            "value": value,
            "source": sources[name],
            "active": name in active,
            **_about(recipe_fields()[name]),
        }
        for name, value in values_of(recipe).items()
    }


def _about(info: FieldInfo) -> KeyRow:
    return {
        "key": info.name,
        "section": info.section,
        "needs": {key: "|".join(values) for key, values in info.needs},
        "type": info.kind,
        "default": info.default,
        "unit": info.unit,
        "low": info.low,
        "high": info.high,
        "range": _range(info),
        "choices": info.choices,
        "help": info.help,
    }


def _range(info: FieldInfo) -> str:
    if info.choices:
        return "|".join(info.choices)
    if info.low is None:
        return info.kind
    ends = f"{info.low:g} .." + (f" {info.high:g}" if info.high is not None else "")
    return f"{ends} {info.unit}".rstrip()
