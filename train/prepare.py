"""Decides how a run folder becomes a training that is ready to run, and what is refused before its first step."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator

from curator.contract.errors import UserError
from curator.contract.events import RunStarted
from curator.contract.manifest import Manifest, open_manifest
from curator.contract.manifest_digest import verify_files
from curator.contract.recipe import Recipe
from curator.contract.recipe_checks import doubts_about, doubts_about_brackets
from curator.contract.recipe_toml import dump_recipe, load_recipe, values_of
from curator.contract.run_folder import RunFolder, RunInfo
from curator.contract.run_length import TrainingPlan, plan_training
from curator.contract.text import visible
from train.adapters.lora import LoraAdapter, LoraShape, attach_lora
from train.checkpoints import Checkpoints
from train.control import Control
from train.data.batches import BatchReader, Share
from train.data.dataset import evenly_spread, picture_of
from train.data.doubts import doubts_about_data
from train.data.latents import Latents, keep_latents
from train.data.quarantine import Quarantine
from train.data.survey import CountedManifest, Survey
from train.device import gather, make_accelerator, share_flags, start_trackers
from train.evaluate import Evaluation
from train.families.clip_text import TextRules
from train.families.family import Family
from train.families.fingerprint import fingerprint_of
from train.families.load import load_family
from train.job import Job
from train.optim.optimizers import make_optimizer
from train.report import Reporter
from train.resume import Identity, State, newest_state
from train.step import Stepper
from train.stop_signals import StopSignals
from train.weights.metadata import Record

_CAPTIONS_LOOKED_AT = 200
_SPARE_BYTES = 50 * 2**20


def prepare(run: RunFolder, make_reporter: Callable[[bool], Reporter], signals: StopSignals) -> Job:
    """Everything for the next step of the run in `run`; `make_reporter` is told whether this process speaks.

    Raises:
        UserError: the recipe, the manifest, the pictures, the model or the disk does not allow the run.
        StopRequestedError: a stop was asked for while latents were being cached.
    """
    info, recipe = run.info(), load_recipe(run.recipe_path)
    accelerator = make_accelerator(recipe, run.path)
    reporter = make_reporter(accelerator.is_main_process)
    control = Control(run, reporter, signals, partial(share_flags, accelerator))
    manifest = _open_manifest(info)
    survey = _check_pictures(manifest, recipe, reporter)
    doubts = (
        *doubts_about(recipe),
        *doubts_about_brackets(manifest, recipe),
        *doubts_about_data(manifest.header, survey, recipe),
    )
    for doubt in doubts:
        reporter.warn(doubt.what, doubt.hint)
    plan = plan_training(manifest.spans, recipe, accelerator.num_processes)
    recipe_sha256 = hashlib.sha256(dump_recipe(recipe).encode()).hexdigest()
    reporter.phase("loading the model")
    family, adapter = _load_model(recipe, accelerator)
    identity = Identity(
        manifest.digest,
        recipe_sha256,
        plan.effective_batch,
        base=fingerprint_of(recipe.model.path, recipe.model.vae),
        masks=survey.masks_digest,
    )
    state = newest_state(run.state_dir, identity, partial(_say_passed_over, reporter))
    optimizer = make_optimizer(recipe.optimizer, adapter.unet_weights, adapter.text_weights)
    _restore(state, adapter, optimizer)
    _check_disk(run.path, recipe, plan, adapter)
    _check_captions(manifest, family, reporter)
    reporter.say(_started(plan, state, accelerator))
    share = Share(accelerator.process_index, accelerator.num_processes)
    quarantine = Quarantine(manifest.spans)
    reader = BatchReader(
        manifest,
        plan=plan.plan,
        quarantine=quarantine,
        share=share,
        workers=recipe.loader.workers,
        cached=recipe.cache.latents == "memory",
    )
    latents = _latents(reader, recipe, family, accelerator, reporter=reporter, control=control)
    record = Record(info, recipe, manifest.header, survey, plan, family.facts, _made_at(info))
    _start_trackers(accelerator, recipe, reporter)
    return Job(
        run=run,
        recipe=recipe,
        manifest=manifest,
        plan=plan,
        accelerator=accelerator,
        stepper=Stepper(family, adapter, optimizer, latents, accelerator, recipe),
        reader=reader,
        quarantine=quarantine,
        evaluation=Evaluation(manifest, family, recipe.evaluate.images, accelerator.device),
        checkpoints=Checkpoints(run.path, record, adapter, reporter),
        identity=identity,
        reporter=reporter,
        control=control,
        done=state.step if state else 0,
    )


def _say_passed_over(reporter: Reporter, name: str, reason: str) -> None:
    reporter.warn(
        f"the saved state {visible(name)} cannot be read ({visible(reason)[:200]})",
        "nothing to do: the run goes on from the one before, and gives the same weights",
    )


def _made_at(info: RunInfo) -> float:
    """When the run was made: a resume does not begin it anew."""
    return datetime.fromisoformat(info.created_at).timestamp() if info.created_at else time.time()


def _open_manifest(info: RunInfo) -> Manifest:
    manifest = open_manifest(
        Path(info.manifest)
    )  # compares every byte, and with them the digest that stands in it
    if manifest.digest != info.manifest_digest:
        raise UserError(
            f"the manifest {info.manifest} is not the one this run was started on",
            "put the old manifest back, or start a new run",
        )
    return manifest


def _check_pictures(manifest: Manifest, recipe: Recipe, reporter: Reporter) -> Survey:
    """Files must be there with their sizes (bytes are compared where they are read); what there is of what.

    Above 50,000 pictures an even sample is looked at; another file that is lost stops the run where it is read.
    """
    counted = CountedManifest(manifest, weighted_captions=recipe.text.weighted_captions)
    rows = len(counted)
    reporter.phase("checking pictures", rows)
    first, count = None, 0
    for done, problem in enumerate(verify_files(counted, read_all=False), start=1):
        if problem is not None:
            first, count = first or problem, count + 1
        reporter.progress("checking pictures", done, rows)
    if first is not None:
        among = f" of {rows:,} looked at" if counted.is_sample else ""
        more = f" (and {count - 1} more{among})" if count > 1 else ""
        raise UserError(
            f"{visible(str(first.path))}{more}: {first.reason}",
            "restore the files, or freeze again and start a new run",
        )
    return counted.survey()


def _load_model(recipe: Recipe, accelerator: Accelerator) -> tuple[Family, LoraAdapter]:
    model, knobs = recipe.model, recipe.adapter
    if not model.path:
        raise UserError("the recipe names no base model", "set model.path")
    family = load_family(
        model.path,
        family=model.family,
        vae=model.vae,
        clip_skip=model.clip_skip,
        prediction=model.prediction,
        text=TextRules(recipe.text.weighted_captions, recipe.text.max_tokens),
    )
    half = recipe.precision.mixed == "bf16"
    family.place(accelerator.device, torch.bfloat16 if half else torch.float32)
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


def _restore(state: State | None, adapter: LoraAdapter, optimizer: torch.optim.Optimizer) -> None:
    if state is not None:
        adapter.load(state.adapter)
        optimizer.load_state_dict(state.optimizer)


def _check_disk(run_folder: Path, recipe: Recipe, plan: TrainingPlan, adapter: LoraAdapter) -> None:
    """Refuse what cannot fit: weights at every save, two states and the one being written, samples."""
    numbers = sum(weight.numel() for weight in adapter.weights)
    save = recipe.save
    saves = (plan.total_steps // save.every_steps if save.every_steps else 0) + (
        plan.total_epochs // save.every_epochs if save.every_epochs else 0
    )
    kept = min(saves, save.keep_last + 1) if save.keep_last else saves
    weights = numbers * (4 if save.dtype == "fp32" else 2) * (kept + 1)
    needed = weights + numbers * 4 * 3 * 3 + _SPARE_BYTES
    free = shutil.disk_usage(run_folder).free
    if needed > free:
        raise UserError(
            f"the run needs up to {needed / 2**20:,.0f} MiB and the disk has {free / 2**20:,.0f} MiB free",
            "free space, save less often or set save.keep_last",
        )


def _check_captions(manifest: Manifest, family: Family, reporter: Reporter) -> None:
    rows = evenly_spread(len(manifest), _CAPTIONS_LOOKED_AT)
    captions = [picture_of(manifest, row).plain_caption for row in rows]
    longest = max(family.token_count(caption) for caption in captions)
    if longest > family.trained_text_length:
        reporter.warn(
            f"captions are up to {longest} tokens long; what is beyond {family.trained_text_length} is cut off",
            "put what matters first, shorten them, or raise text.max_tokens (75, 150 or 225)",
        )


def _started(plan: TrainingPlan, state: State | None, accelerator: Accelerator) -> RunStarted:
    return RunStarted(
        at=time.time(),
        step=state.step if state else 0,
        total_steps=plan.total_steps,
        total_epochs=plan.total_epochs,
        resumed=state is not None,
        pid=os.getpid(),
        device=str(accelerator.device),
        processes=accelerator.num_processes,
    )


def _latents(
    reader: BatchReader,
    recipe: Recipe,
    family: Family,
    accelerator: Accelerator,
    *,
    reporter: Reporter,
    control: Control,
) -> Latents:
    if recipe.cache.latents == "off":
        return Latents(family, {})
    rows = len(reader.manifest)
    reporter.phase("caching latents", rows)

    def progress(done: int) -> None:
        reporter.progress("caching latents", done, rows)
        control.stop_if_asked()

    kept = keep_latents(
        family,
        reader.manifest,
        quarantine=reader.quarantine,
        share=reader.share,
        workers=recipe.loader.workers,
        gather=partial(gather, accelerator),
        progress=progress,
    )
    return Latents(family, kept)


def _start_trackers(accelerator: Accelerator, recipe: Recipe, reporter: Reporter) -> None:
    if recipe.log.trackers:
        start_trackers(accelerator, values_of(recipe))
        reporter.track = lambda numbers, step: accelerator.log(dict(numbers), step=step)
