"""Stages of preparing a training, each of use by itself: the data, the model, the reader, one step.

None of them needs a run folder: a check before a run goes through those it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator

from curator.contract.run.run_length import TrainingPlan, plan_training
from train.data.batches import BatchReader, Share
from train.data.feed import Feed
from train.data.micro_batch import Preparation
from train.data.quarantine import Quarantine
from train.optim.optimizers import check_optimizer, make_optimizer
from train.prepare.load import load_model
from train.prepare.refuse import check_images, check_objective, check_word, warn
from train.step import Stepper
from train.trained.ema import Averaged
from train.trained.optimizer_average import averaged

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Recipe
    from train.data.latents import Latents
    from train.data.survey import Survey
    from train.families.family import Family
    from train.report import Reporter
    from train.trained.trained import Trained


@dataclass(frozen=True)
class Material:
    """What is trained on: the manifest, what of it there is on the disk, and in which steps."""

    manifest: Manifest
    survey: Survey
    plan: TrainingPlan


@dataclass(frozen=True)
class Trainable:
    """A model, what is trained of it or on it, and what moves that."""

    family: Family
    trained: Trained
    optimizer: torch.optim.Optimizer


def survey_material(manifest: Manifest, recipe: Recipe, processes: int, reporter: Reporter) -> Material:
    """The images of a manifest looked at, what may not be meant told, and the steps planned.

    Raises:
        UserError: an image is gone or is another one, or no caption has the word that is trained.
    """
    check_word(manifest, recipe)
    survey = check_images(manifest, recipe, reporter)
    plan = plan_training(manifest.spans, recipe, processes)
    warn(manifest, survey, recipe, plan.total_steps, reporter)
    return Material(manifest, survey, plan)


def load_trainable(recipe: Recipe, device: torch.device, reporter: Reporter) -> Trainable:
    """The model on `device`, with fresh weights and a fresh optimiser.

    Raises:
        UserError: there is no such model, or it cannot be trained by this recipe.
    """
    check_optimizer(recipe.optimizer)
    reporter.phase("loading the model")
    family, trained = load_model(recipe, device, reporter.warn)
    check_objective(recipe.objective, family.facts, len(family.alphas_cumprod))
    optimizer = make_optimizer(recipe.optimizer, trained.groups)
    if recipe.optimizer.name.startswith("paged_") and device.type != "cuda":
        reporter.warn(
            f"{recipe.optimizer.name} keeps its state in plain memory: there is no NVIDIA GPU",
            "nothing to do: the weights come out the same",
        )
    trained = averaged(trained, optimizer)
    if recipe.ema.decay and reporter.is_main_process:  # the only one that evaluates, samples and saves
        trained = Averaged(trained, recipe.ema)
    return Trainable(family, trained, optimizer)


def make_reader(material: Material, recipe: Recipe, accelerator: Accelerator) -> BatchReader:
    """The reader of this process's share of every batch."""
    return BatchReader(
        material.manifest,
        plan=material.plan.plan,
        quarantine=Quarantine(material.manifest.spans),
        share=Share(accelerator.process_index, accelerator.num_processes),
        workers=recipe.loader.workers,
        cached=recipe.cache.latents == "memory",
    )


def make_feed(
    reader: BatchReader, family: Family, latents: Latents, recipe: Recipe, accelerator: Accelerator
) -> Feed:
    """What makes the reader's batches ready for `make_stepper`'s."""
    pinned = accelerator.device.type == "cuda"
    return Feed(reader, Preparation(family, latents, recipe, pinned=pinned))


def make_stepper(trainable: Trainable, recipe: Recipe, accelerator: Accelerator) -> Stepper:
    """What takes steps."""
    return Stepper(trainable.family, trainable.trained, trainable.optimizer, accelerator, recipe)
