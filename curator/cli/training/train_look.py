"""A look at a training before it is started: length, memory, doubts, and what a trial of it measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import typer

from curator.cli.shared.output import progress_shown, put, put_json, put_table, say
from curator.contract.errors import ExitCode
from curator.contract.run.outlook_words import outlook_lines
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.runs import RunMemory, RunOutlook, TrainCheck
    from curator.contract.recipe.checks import TrainingWarning
    from curator.contract.recipe.recipe import Recipe
    from curator.session.training.runs import Runs


class Look(NamedTuple):
    """What a recipe's base model tells before a run: what is doubtful, and the memory it takes."""

    doubts: list[TrainingWarning]
    memory: RunMemory | None
    outlook: RunOutlook | None = None  # where it was tried out


def look_at(runs: Runs, recipe: Recipe, processes: int, *, whole: bool) -> Look:
    """What the base model's files say, if the recipe names one."""
    if not recipe.model.path:
        return Look([], None)
    doubts = runs.look_at_model(recipe, whole=whole)
    return Look(doubts, cast("RunMemory | None", runs.memory(recipe, processes)))


def tried(runs: Runs, path: Path, recipe: Recipe, processes: int) -> RunOutlook:
    """What two steps, a sample and a save measure."""
    with progress_shown("preflight", "parts") as show:
        return cast("RunOutlook", runs.preflight(path, recipe, processes, show))


def put_look(path: Path, recipe: Recipe, processes: int, look: Look, *, as_json: bool) -> None:
    """The length of the training as the trainer itself reckons it (rows S037, S059), and what is doubtful (S075)."""
    from curator.contract.manifest.manifest import open_manifest
    from curator.contract.recipe.checks import bracket_warnings, recipe_warnings
    from curator.contract.run.evaluation_check import check_evaluation
    from curator.contract.run.run_length import plan_training
    from curator.contract.run.schedule_doubts import check_schedule, schedule_warnings
    from curator.contract.run.trackers import check_trackers

    check_trackers(recipe.log.trackers)
    with open_manifest(path) as manifest:
        check_evaluation(manifest, recipe.evaluate)
        length = plan_training(manifest.spans, recipe, processes)
        check_schedule(recipe, length.total_steps)
        sizes, images = manifest.header.buckets, len(manifest.trained)
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
            "outlook": look.outlook,
        }
        put_json(report)
        _refuse_what_does_not_fit(look)
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
        _put_memory(look.memory, processes)
    if look.outlook is not None:
        for line in outlook_lines(look.outlook):
            put(line)
    for doubt in warnings:
        say(f"{doubt.what}: {doubt.hint}")
    _refuse_what_does_not_fit(look)


def _refuse_what_does_not_fit(look: Look) -> None:
    if look.outlook is not None and not look.outlook["fits"]:
        raise typer.Exit(ExitCode.NO)


def _put_memory(memory: RunMemory, processes: int) -> None:
    named = {
        "UNet": memory["unet_bytes"],
        "text encoders": memory["text_encoder_bytes"],
        "VAE": memory["vae_bytes"],
        "adapter": memory["adapter_bytes"],
        "gradients": memory["gradient_bytes"],
        "optimizer": memory["optimizer_bytes"],
        "average": memory["average_bytes"],
    }
    elsewhere = {
        "text encoders": memory["text_encoders_on_cpu"],
        "VAE": memory["vae_on_cpu"],
        "average": memory["average_on_cpu"],
    }
    on_cpu = {name: named.pop(name) for name, is_there in elsewhere.items() if is_there}
    parts = ", ".join(f"{name} {_mib(size)}" for name, size in named.items() if size)
    where = "of memory" if processes == 1 else f"of memory in each of {processes} processes"
    put(f"{_mib(memory['device_bytes'])} {where} and what a batch needs: {parts}")
    for name, size in on_cpu.items():
        put(f"{_mib(size)} of the CPU's memory for the {name}")


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _cross(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
