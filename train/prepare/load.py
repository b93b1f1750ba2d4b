"""Loading for a run: the base model with its adapter, and the latents cached before the first step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from curator.contract.recipe.recipe import Recipe
from train.adapters.lora import LoraAdapter, LoraShape, attach_lora
from train.data.batches import BatchReader
from train.data.latents import Latents, keep_latents
from train.device import gather
from train.families.clip_text import TextRules
from train.families.family import Family
from train.families.load import load_of_recipe
from train.job import Process


def load_model(
    recipe: Recipe, device: torch.device, warn: Callable[[str, str], None]
) -> tuple[Family, LoraAdapter]:
    """The base model on `device`, and the adapter attached to it, ready to train.

    Raises:
        UserError: there is no such model, or it cannot be trained by this recipe.
    """
    knobs = recipe.adapter
    text = TextRules(recipe.text.weighted_captions, recipe.text.max_tokens)
    family = load_of_recipe(recipe.model, text, warn)
    half = recipe.precision.mixed == "bf16"
    family.place(device, torch.bfloat16 if half else torch.float32)
    trains_text = recipe.optimizer.text_lr > 0
    if recipe.precision.gradient_checkpointing:
        family.use_gradient_checkpointing(text=trains_text)
    shape = LoraShape(
        rank=knobs.rank,
        alpha=knobs.alpha,
        conv_rank=knobs.conv_rank,
        conv_alpha=knobs.conv_alpha,
        dropout=knobs.dropout,
        unet=recipe.optimizer.unet_lr > 0,
        text_encoder=trains_text,
    )
    adapter = attach_lora(family.adapter_roots, shape, recipe.seed)
    adapter.train(True)
    return family, adapter


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
