"""A run folder made into a training that is ready to run, or refused before its first step."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from accelerate import Accelerator

from curator.contract.locations import BAD_STEPS, IMAGE_LOSSES, MODEL_HASHES
from curator.contract.recipe.identity import knobs_of
from curator.contract.recipe.toml_file import load_recipe, values_of
from curator.contract.run.events import RunStarted, StateSaved
from curator.contract.run.trackers import check_trackers
from curator.contract.text import visible
from train.control import Control
from train.data.batches import Share
from train.data.quarantine import Quarantine
from train.device import make_accelerator, share_flags, start_trackers
from train.evaluate import evaluations_of
from train.families.fingerprint import fingerprint_of
from train.job import Job, Outputs, Process, TrainingData
from train.prepare.caches import encode_latents, open_caches
from train.prepare.refuse import check_disk, check_shares, open_sealed, warn_of_long_captions
from train.prepare.stages import (
    Material,
    compile_for,
    load_trainable,
    make_feed,
    make_reader,
    make_stepper,
    survey_material,
)
from train.report import TRACKERS_HINT, Reporter
from train.states.checkpoints import Checkpoints
from train.states.image_losses import ImageLosses, forget_ranks
from train.states.resume import Identity, State, newest_state
from train.states.state_writer import StateWriter
from train.step_log import StepLog
from train.survival.bad_steps import BadSteps
from train.survival.reason import reason
from train.survival.tolerance import outlived
from train.weights.metadata import Record
from train.weights.model_hashes import hashes_beside

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunFolder, RunInfo
    from curator.contract.run.run_length import TrainingPlan
    from curator.contract.run.stop_signals import StopSignals


def prepare(run: RunFolder, make_reporter: Callable[[bool], Reporter], signals: StopSignals) -> Job:
    """Everything for the next step of the run in `run`; `make_reporter` is told whether this is the main process.

    Raises:
        UserError: the recipe, the manifest, the images, the model or the disk does not allow the run.
        StopRequestedError: a stop was asked for while latents were being cached.
    """
    info, recipe = run.info(), load_recipe(run.recipe_path)
    process = _process(run, recipe, make_reporter, signals)
    check_trackers(recipe.log.trackers)
    accelerator, reporter = process.accelerator, process.reporter
    material = survey_material(open_sealed(info), recipe, info.processes, reporter)
    manifest, plan = material.manifest, material.plan
    check_shares(plan, accelerator.num_processes)
    model = load_trainable(recipe, accelerator, reporter)
    compile_for(model, recipe, plan.total_steps)
    identity = _identity(run, material, recipe)
    state = _saved_state(run, identity, reporter)
    if state is not None:
        model.take_over(state)
    needed_bytes = check_disk(run.path, recipe, plan, model.trained)
    warn_of_long_captions(manifest, model.family, reporter)
    reporter.emit(_started(plan, state, accelerator))
    caches = open_caches(run.path, recipe, model, manifest, process, spare_bytes=needed_bytes)
    share = Share(accelerator.process_index, accelerator.num_processes)
    bad_steps = BadSteps(run.path / BAD_STEPS, recipe.survival, reporter.is_main_process)
    quarantine = Quarantine(manifest.spans, recipe.survival)
    quarantine.left_out = bad_steps.left_out
    if caches.latents:
        encode_latents(
            caches.latents,
            manifest,
            quarantine=quarantine,
            share=share,
            recipe=recipe,
            model=model,
            process=process,
        )
    reader = make_reader(material, recipe, quarantine, share, caches.latents)
    record = Record(
        info,
        recipe,
        manifest.header,
        material.survey,
        plan,
        model.family.facts,
        _made_at(info),
        _hashes(run, recipe, reporter),
    )
    _start_trackers(process, recipe, run)
    return Job(
        run=run,
        recipe=recipe,
        process=process,
        data=TrainingData(
            manifest, plan, reader, make_feed(reader, model.family, recipe, accelerator), caches
        ),
        stepper=make_stepper(model, recipe, accelerator),
        log=StepLog(reporter, _image_losses(run, state, process)),
        outputs=Outputs(
            checkpoints=Checkpoints(run, record, model.trained, reporter),
            evaluations=evaluations_of(
                manifest, model.family, recipe, process.accelerator, reporter.quarantined, kept=caches.latents
            ),
            states=_state_writer(run, identity, recipe.save.states_kept, reporter),
        ),
        bad_steps=bad_steps,
        done=state.step if state else 0,
    )


def _process(
    run: RunFolder, recipe: Recipe, make_reporter: Callable[[bool], Reporter], signals: StopSignals
) -> Process:
    accelerator = make_accelerator(recipe, run.path)
    reporter = make_reporter(accelerator.is_main_process)
    return Process(accelerator, reporter, Control(run, reporter, signals, partial(share_flags, accelerator)))


def _identity(run: RunFolder, material: Material, recipe: Recipe) -> Identity:
    return Identity(
        material.manifest.digest,
        hashlib.sha256(run.recipe_path.read_bytes()).hexdigest(),
        knobs_of(recipe),
        material.plan.effective_batch,
        base=fingerprint_of(recipe.model.path, recipe.model.vae),
        masks=material.survey.masks_digest,
    )


def _saved_state(run: RunFolder, identity: Identity, reporter: Reporter) -> State | None:
    def passed_over(name: str, reason: str) -> None:
        reporter.warn(
            f"the saved state {visible(name)} cannot be read ({visible(reason)[:200]})",
            "nothing to do: the run goes on from the one before, and gives the same weights",
        )

    return newest_state(run.state_dir, identity, passed_over)


def _state_writer(run: RunFolder, identity: Identity, kept: int, reporter: Reporter) -> StateWriter:
    def written(step: int, place: Path) -> None:
        reporter.emit(StateSaved(time.time(), step, str(place.relative_to(run.path))))

    def failed(step: int, error: Exception) -> None:
        reporter.warn(
            f"the state after step {step:,} could not be written: {reason(error)}",
            "the one before is kept, and the next is tried in its turn; free space or check rights",
        )

    return StateWriter(run.state_dir, identity, kept=kept, written=written, failed=failed)


def _image_losses(run: RunFolder, state: State | None, process: Process) -> ImageLosses:
    def failed(error: OSError) -> None:
        process.reporter.warn(
            f"the losses of single images are kept no further: {error.strerror}",
            "free space, then stop the run and start it again; what is trained is not concerned",
        )

    accelerator = process.accelerator
    if accelerator.is_main_process:
        forget_ranks(run.path / IMAGE_LOSSES, state.step if state else 0, accelerator.num_processes)
    return ImageLosses(run.path / IMAGE_LOSSES, accelerator.process_index, state.step if state else 0, failed)


def _hashes(run: RunFolder, recipe: Recipe, reporter: Reporter) -> Callable[[], Mapping[str, str]]:
    """Of the base model's files, for the process that writes."""
    if not reporter.is_main_process:
        return dict
    return hashes_beside(run.path / MODEL_HASHES, recipe.model.path, recipe.model.vae)


def _made_at(info: RunInfo) -> float:
    """When the run was made: a resume does not begin it anew."""
    return datetime.fromisoformat(info.created_at).timestamp() if info.created_at else time.time()


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


def _start_trackers(process: Process, recipe: Recipe, run: RunFolder) -> None:
    if recipe.log.trackers:
        accelerator = process.accelerator
        with outlived(process.reporter, "the trackers could not be started", TRACKERS_HINT):
            start_trackers(accelerator, values_of(recipe), run.path)
        process.reporter.track = lambda numbers, step: accelerator.log(dict(numbers), step=step)
