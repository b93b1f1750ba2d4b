"""Loading for a run: the base model with what is trained of it, and the latents cached before the first step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

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
    from train.precision.arithmetic import Arithmetic
    from train.trained.trained import Trained

_OVERFLOW = (
    "the VAE overflows fp16: what does is computed in fp32, which takes longer",
    "set precision.vae = 'bf16' or 'fp32', or model.vae to a VAE that was made for fp16",
)


def load_model(
    recipe: Recipe, arithmetic: Arithmetic, warn: Callable[[str, str], None]
) -> tuple[Family, Trained]:
    """The base model in `arithmetic`, and what is trained of it or on it, ready for the first step.

    Raises:
        UserError: there is no such model, or it cannot be trained by this recipe.
    """
    family = load_of_recipe(recipe.model, rules_of(recipe.text), warn)
    trained = place_and_attach(family, recipe, arithmetic, warn)
    family.use_attention(recipe.precision.attention)
    if recipe.precision.gradient_checkpointing:
        family.use_gradient_checkpointing(text=trained.trains_text)
    return family, trained


def place_and_attach(
    family: Family, recipe: Recipe, arithmetic: Arithmetic, warn: Callable[[str, str], None]
) -> Trained:
    """What is trained of a model or on it, and the model in `arithmetic`, each weight as it is held.

    Raises:
        UserError: the model cannot be trained by this recipe.
    """
    row = TRAINED[recipe.trains]
    row.mark(family, recipe)
    family.place(arithmetic, lambda: warn(*_OVERFLOW))
    trained = row.make(family, recipe, warn)
    for weight in trained.weights if recipe.trains != "embeddings" else ():
        weight.data = weight.data.to(arithmetic.trained)
    return trained


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
