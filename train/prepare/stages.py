"""Stages of preparing a training, each of use by itself: the data, the model, the reader, one step.

None of them needs a run folder: a check before a run goes through those it is about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from accelerate import Accelerator

from curator.contract.errors import UserError
from curator.contract.run.evaluation_check import check_evaluation
from curator.contract.run.run_length import TrainingPlan, plan_training
from train.data.batches import BatchReader
from train.data.feed import Feed
from train.data.latents import Latents
from train.data.micro_batch import Preparation
from train.optim.optimizers import check_optimizer, make_optimizer
from train.precision.arithmetic import arithmetic_of
from train.precision.capabilities import capabilities_of, check_device
from train.precision.compiled import compile_unet, way_of
from train.precision.update import make_update, parts_of
from train.prepare.load import load_model
from train.prepare.refuse import check_images, check_objective, check_word, warn
from train.processes.exchange import Exchange
from train.processes.optimizer_share import OptimizerShare
from train.processes.spread_model import SpreadModel, SpreadSteps
from train.states.resume import order_of
from train.step import Stepper
from train.trained.ema import Averaged
from train.trained.optimizer_average import averaged

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Recipe
    from train.data.batches import Share
    from train.data.kept_latents import KeptLatents
    from train.data.quarantine import Quarantine
    from train.data.survey import Survey
    from train.families.family import Family
    from train.precision.arithmetic import Arithmetic
    from train.precision.update import SharedOptimizer, Update
    from train.report import Reporter
    from train.states.resume import State
    from train.trained.trained import Trained


@dataclass(frozen=True)
class Material:
    """What is trained on: the manifest, what of it there is on the disk, and in which steps."""

    manifest: Manifest
    survey: Survey
    plan: TrainingPlan


@dataclass(frozen=True)
class Trainable:
    """A model, what is trained of it or on it, what moves that, and in which numbers; how it is spread, where it is."""

    family: Family
    trained: Trained
    update: Update
    arithmetic: Arithmetic
    spread: SpreadSteps | None = None

    def take_over(self, state: State) -> None:
        """Go on from a saved state; the rates stay the recipe's, which a fork may have changed.

        Raises:
            UserError: the state is of other weights, of other sizes, or in another order.
        """
        try:
            self.trained.load(state.weights)
        except UserError as error:
            raise UserError(
                f"the saved state of step {state.step:,} is of other weights: {error.what}",
                "only a recipe that trains weights of the same sizes goes on from it; adapter.start begins anew with"
                " those of a file",
            ) from error
        with self.trained.whole():
            order = order_of(self.trained.weights)
        if state.order and state.optimizer and state.order != order:
            raise UserError(
                "the optimiser's memory is of weights in another order than this version of the trainer has them",
                "resume with the Frieze that wrote the state",
            )
        optimizer = self.update.optimizer
        rates = [group["base_lr"] for group in optimizer.param_groups]
        if state.optimizer:
            self.update.load_optimizer(state.optimizer)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["base_lr"] = rate
        self.update.load(state.loss_scale)


def survey_material(manifest: Manifest, recipe: Recipe, processes: int, reporter: Reporter) -> Material:
    """The images of a manifest looked at, what may not be meant told, and the steps planned.

    Raises:
        UserError: an image is gone or is another one, or no caption has the word that is trained.
    """
    check_word(manifest, recipe)
    check_evaluation(manifest, recipe.evaluate)
    survey = check_images(manifest, recipe, reporter)
    plan = plan_training(manifest.spans, recipe, processes)
    warn(manifest, survey, recipe, plan.total_steps, reporter)
    return Material(manifest, survey, plan)


def load_trainable(recipe: Recipe, accelerator: Accelerator, reporter: Reporter) -> Trainable:
    """The model on the device, with fresh weights and a fresh optimiser.

    Raises:
        UserError: there is no such model, or it cannot be trained by this recipe.
    """
    device = accelerator.device
    check_device(recipe.precision, capabilities_of(device), accelerator.num_processes)
    check_optimizer(recipe.optimizer)
    reporter.phase("loading the model")
    arithmetic = arithmetic_of(recipe.precision, device)
    family, trained = load_model(recipe, arithmetic, reporter.warn)
    check_objective(recipe.objective, family.facts, len(family.alphas_cumprod))
    if recipe.optimizer.name.startswith("paged_") and device.type != "cuda":
        reporter.warn(
            f"{recipe.optimizer.name} keeps its state in plain memory: there is no NVIDIA GPU",
            "nothing to do: the weights come out the same",
        )
    if recipe.precision.offload != "none" and device.type == "cpu":
        reporter.warn(
            "precision.offload spares nothing: there is no GPU",
            "nothing to do: the weights come out the same",
        )
    rank, count = accelerator.process_index, accelerator.num_processes
    if recipe.precision.shard == "full":
        model = _spread(family, trained, rank, count)
        steps = SpreadSteps(model)
        return replace(make_trainable(family, model, recipe, arithmetic, steps), spread=steps)
    share = OptimizerShare(trained.groups, rank, count) if recipe.precision.shard == "optimizer" else None
    return make_trainable(family, trained, recipe, arithmetic, share)


def _spread(family: Family, trained: Trained, rank: int, count: int) -> SpreadModel:
    modules = [
        module
        for module in (family.unet, *family.text_encoders)
        if any(weight.requires_grad for weight in module.parameters())
    ]
    return SpreadModel(trained, modules, rank, count)


def make_trainable(
    family: Family,
    trained: Trained,
    recipe: Recipe,
    arithmetic: Arithmetic,
    share: SharedOptimizer | None = None,
) -> Trainable:
    """A model with a fresh optimiser, or this process's share of one, and with the average that the recipe asks for."""
    parts = parts_of(recipe, trained.groups)
    groups = parts.groups if parts else trained.groups
    optimizer = make_optimizer(recipe.optimizer, share.own(groups) if share else groups)
    weights = [weight for group in trained.groups for weight in group.weights]
    update = make_update(recipe, weights, optimizer, parts, arithmetic, share=share)
    trained = averaged(trained, optimizer)
    if recipe.ema.decay:  # on all processes, who evaluate together
        trained = Averaged(trained, recipe.ema)
    return Trainable(family, trained, update, arithmetic)


def compile_for(model: Trainable, recipe: Recipe, total_steps: int) -> None:
    """Compile the model for a run of so many steps, as the recipe asks and the device can.

    Raises:
        UserError: the device cannot.
    """
    known = capabilities_of(model.arithmetic.device)
    compile_unet(model.family.unet, way_of(recipe.precision.compile, known, total_steps))


def make_reader(
    material: Material, recipe: Recipe, quarantine: Quarantine, share: Share, kept: KeptLatents | None
) -> BatchReader:
    """The reader of this process's share of every batch; `kept` latents are not read again."""
    subsets = material.manifest.header.subsets
    reads = recipe.cache.latents != "memory" or any(subset.crop == "random" for subset in subsets)
    return BatchReader(
        material.manifest,
        plan=material.plan.plan,
        quarantine=quarantine,
        share=share,
        workers=recipe.loader.workers if reads else 0,
        kept=kept,
    )


def make_feed(reader: BatchReader, family: Family, recipe: Recipe, accelerator: Accelerator) -> Feed:
    """What makes the reader's batches ready for `make_stepper`'s."""
    pinned = accelerator.device.type == "cuda"
    return Feed(reader, Preparation(family, Latents(family), recipe, pinned=pinned))


def make_stepper(trainable: Trainable, recipe: Recipe, accelerator: Accelerator) -> Stepper:
    """What takes steps."""
    exchange = trainable.spread
    if exchange is None and accelerator.num_processes > 1:
        exchange = Exchange(trainable.trained.weights)
    return Stepper(
        trainable.family,
        trainable.trained,
        trainable.update,
        accelerator,
        trainable.arithmetic,
        recipe,
        exchange,
    )
