"""Loading for a run: the base model with what is trained of it, and the latents cached before the first step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch

from train.data.latents import Latents, keep_latents
from train.device import gather
from train.families.clip_text import rules_of
from train.families.load import load_of_recipe
from train.trained.table import TRAINED

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from train.data.batches import BatchReader
    from train.families.family import Family
    from train.job import Process
    from train.trained.trained import Trained


def load_model(
    recipe: Recipe, device: torch.device, warn: Callable[[str, str], None]
) -> tuple[Family, Trained]:
    """The base model on `device`, and what is trained of it or on it, ready for the first step.

    Raises:
        UserError: there is no such model, or it cannot be trained by this recipe.
    """
    family = load_of_recipe(recipe.model, rules_of(recipe.text), warn)
    trained = place_and_attach(family, recipe, device, warn)
    if recipe.precision.gradient_checkpointing:
        family.use_gradient_checkpointing(text=trained.trains_text)
    return family, trained


def place_and_attach(
    family: Family, recipe: Recipe, device: torch.device, warn: Callable[[str, str], None]
) -> Trained:
    """What is trained of a model or on it, and the model on `device`, each weight in the precision it is held in.

    Raises:
        UserError: the model cannot be trained by this recipe.
    """
    row = TRAINED[recipe.trains]
    row.mark(family, recipe)
    half = recipe.precision.mixed == "bf16"
    family.place(device, torch.bfloat16 if half else torch.float32)
    return row.make(family, recipe, warn)


def load_latents(reader: BatchReader, recipe: Recipe, family: Family, process: Process) -> Latents:
    """The latents of the run, cached where the recipe says so.

    Raises:
        StopRequestedError: a stop was asked for meanwhile.
    """
    if recipe.cache.latents == "off":
        return Latents(family, {})
    rows = len(reader.manifest)
    process.reporter.phase("caching latents", rows)

    def progress(done: int) -> None:
        process.reporter.progress("caching latents", done, rows)
        process.control.stop_if_asked()

    kept = keep_latents(
        family,
        reader.manifest,
        quarantine=reader.quarantine,
        share=reader.share,
        workers=recipe.loader.workers,
        gather=partial(gather, process.accelerator),
        progress=progress,
    )
    return Latents(family, kept)
