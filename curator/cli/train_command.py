"""`frieze train`: a training checked, started and resumed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, cast

import typer

from curator.cli.recipe_commands import SetOption
from curator.cli.shared.following import follow, left, tell_end
from curator.cli.shared.options import CollectionOption, JsonOption
from curator.cli.shared.output import put, put_json, put_table, say
from curator.cli.shared.places import manifest_file, runs_of
from curator.cli.shared.typer_apps import single
from curator.contract.errors import UserError
from curator.contract.recipe.fields import toml_value
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.runs import RunMemory, RunStart, TrainCheck
    from curator.contract.recipe.checks import TrainingWarning
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.runs import Runs

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def train(
    manifest: Annotated[
        str | None, typer.Argument(metavar="MANIFEST", help="Name in the collection, or path.")
    ] = None,
    *,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="R", help="Name of a preset, or a TOML file.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="M", help="Base model: folder, file or hub id; default: the recipe's."
        ),
    ] = None,
    sets: SetOption = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the run; default: the manifest's.")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes", metavar="N", min=1, help="Devices that train together; default: 1, or as before."
        ),
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that is not done.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            "-n",
            help="Only say how long it would be, what memory it needs, and what is doubtful.",
        ),
    ] = False,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="With --dry-run, read every weight of the base model: none missing, none NaN or infinite.",
        ),
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and come back at once.")] = False,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train on a manifest, or resume a run. The run lives on when this terminal closes.

    With --json every event of the run, one a line, as docs/events.md has them.
    """
    if resume is not None:
        beside = {"a manifest": manifest, "--recipe": recipe, "--model": model, "--name": name}
        _refuse_beside_resume({**beside, "--set": sets, "--dry-run": dry_run, "--whole": whole})
        _resume(resume, processes, detach, collection, as_json)
        return
    if manifest is None or recipe is None:
        missing = "manifest" if manifest is None else "recipe"
        raise UserError(
            f"no {missing} is given", "frieze train MANIFEST --recipe RECIPE --model MODEL, or --resume RUN"
        )
    if whole and not dry_run:
        raise UserError(
            "--whole reads the base model for --dry-run",
            "frieze train MANIFEST --recipe RECIPE --dry-run --whole",
        )
    path = manifest_file(manifest, collection)
    knobs = load_recipe(recipe, [*(sets or ()), *_model_set(model)])
    if dry_run:
        _check(path, knobs, processes or 1, _look(runs_of(collection), knobs, whole), as_json)
        return
    _go_on(_launched(runs_of(collection), path, knobs, name or path.stem, processes or 1), detach, as_json)


def _launched(runs: Runs, manifest: Path, recipe: Recipe, name: str, processes: int) -> RunFolder:
    try:
        return runs.launch(manifest, recipe, name, processes)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the run may have started already: see 'frieze runs list'") from None


def _model_set(model: str | None) -> list[str]:
    """The base model as a `--set`; a path is made absolute, so that a resume from elsewhere finds it."""
    if model is None:
        return []
    path = Path(model).expanduser()
    if path.exists():
        return [f"model.path={toml_value(str(path.absolute()))}"]
    if not _HUB_ID.fullmatch(model):
        raise UserError(
            f"there is no model at {model}",
            "give a diffusers folder, a .safetensors file or a hub id",
        )
    return [f"model.path={toml_value(model)}"]


def _refuse_beside_resume(given: dict[str, object]) -> None:
    for word, value in given.items():
        if value:
            raise UserError(
                f"{word} cannot be given with --resume", "a run goes on with its own manifest and recipe"
            )


def _resume(name: str, processes: int | None, detach: bool, collection: Path | None, as_json: bool) -> None:
    runs = runs_of(collection)
    run = runs.find(name)
    if run.status() == "finished":
        raise UserError(f"the run {run.path.name} is finished", "start another with 'frieze train MANIFEST'")
    runs.restart(run, processes)
    _go_on(run, detach, as_json)


def _go_on(run: RunFolder, detach: bool, as_json: bool) -> None:
    if not detach:
        tell_end(run, follow(run, as_json=as_json))
    elif as_json:
        report: RunStart = {
            "schema": "frieze/run-start/1",
            "run": run.path.name,
            "path": str(run.path.absolute()),
            "pid": run.worker_pid(),
        }
        put_json(report)
    else:
        put(str(run.path))
        for line in left(run).strip().splitlines():
            say(line)


class _Look(NamedTuple):
    """What a recipe's base model tells before a run: what is doubtful, and the memory it takes."""

    doubts: list[TrainingWarning]
    memory: RunMemory | None


def _look(runs: Runs, recipe: Recipe, whole: bool) -> _Look:
    if not recipe.model.path:
        return _Look([], None)
    doubts = runs.look_at_model(recipe, whole=whole)
    return _Look(doubts, cast("RunMemory | None", runs.memory(recipe)))


def _check(path: Path, recipe: Recipe, processes: int, look: _Look, as_json: bool) -> None:
    """The length of the training as the trainer itself reckons it (rows S037, S059), and what is doubtful (S075)."""
    from curator.contract.manifest.manifest import open_manifest
    from curator.contract.recipe.checks import bracket_warnings, recipe_warnings
    from curator.contract.run.run_length import plan_training
    from curator.contract.run.schedule_doubts import schedule_warnings

    with open_manifest(path) as manifest:
        length = plan_training(manifest.spans, recipe, processes)
        sizes, images = manifest.header.buckets, len(manifest)
        of_recipe = [*recipe_warnings(recipe), *schedule_warnings(recipe, length.total_steps)]
        warnings = [*of_recipe, *look.doubts, *bracket_warnings(manifest, recipe)]
    steps = {sizes[bucket]: count for bucket, count in length.plan.bucket_batches(0).items()}
    if as_json:
        report: TrainCheck = {
            "schema": "frieze/train-check/1",
            "images": images,
            "samples_per_epoch": length.plan.samples_per_epoch,
            "effective_batch": length.effective_batch,
            "steps_per_epoch": length.plan.batches(0),
            "epochs": length.total_epochs,
            "steps": length.total_steps,
            "buckets": [{"bucket": size, "steps": count} for size, count in steps.items()],
            "memory": look.memory,
            "doubts": [{"what": each.what, "hint": each.hint} for each in warnings],
        }
        put_json(report)
        return
    put(
        f"{counted(images)}, {counted(length.plan.samples_per_epoch, 'sample')} an epoch, "
        f"{counted(length.effective_batch)} a step"
    )
    put(
        f"{counted(length.total_epochs, 'epoch')}, {counted(length.total_steps, 'step')};"
        f" the first epoch has {length.plan.batches(0)}:"
    )
    put_table([(_cross(size), count) for size, count in steps.items()], ("bucket", "steps"))
    if look.memory is not None:
        _put_memory(look.memory)
    for doubt in warnings:
        say(f"{doubt.what}: {doubt.hint}")


def _put_memory(memory: RunMemory) -> None:
    named = {
        "UNet": memory["unet_bytes"],
        "text encoders": memory["text_encoder_bytes"],
        "VAE": memory["vae_bytes"],
        "adapter": memory["adapter_bytes"],
        "gradients": memory["gradient_bytes"],
        "optimizer": memory["optimizer_bytes"],
        "average": 0 if memory["average_on_cpu"] else memory["average_bytes"],
    }
    parts = ", ".join(f"{name} {_mib(size)}" for name, size in named.items() if size)
    put(f"{_mib(memory['device_bytes'])} of memory and what a batch needs: {parts}")
    if memory["average_on_cpu"]:
        put(f"{_mib(memory['average_bytes'])} of the CPU's memory for the average")


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _cross(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


app = single(train)
