"""The training loop: step, report, save, evaluate, sample, save state, obey; again."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from curator.contract.run.events import Evaluated, SampleMade
from curator.contract.run.schedules import lr_factor
from train.checkpoints import is_due
from train.control import Wishes
from train.device import summed
from train.optim.optimizers import rates_of, set_rates
from train.precision.compiled import uncompiled
from train.preview.samples import SamplingStoppedError, make_picture, wanted_pictures, write_picture
from train.state_writer import state_now

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Evaluate, SamplePictures
    from train.clock import Clock
    from train.data.micro_batch import ReadyBatch
    from train.job import Job

_PAUSE_LOOK_SECONDS = 0.2


def train(job: Job, clock: Clock) -> bool:
    """Train to the end; whether it was reached (or a stop was asked for, and the state is saved)."""
    with job.outputs.states:
        return _train(job, clock)


def _train(job: Job, clock: Clock) -> bool:
    if clock.done == 0:
        _evaluate(job, 0)
        if job.recipe.sample.at_start:
            _sample(job, 0)
    if _obey(job, clock.done):
        return False
    job.process.reporter.phase("training", job.data.plan.total_steps)
    began = time.perf_counter()  # a step takes as long as it does with the wait for its images
    with closing(job.data.feed.batches(clock.done, job.data.plan.total_steps)) as batches:
        for batch in batches:
            _step(job, batch, began)
            clock.done = batch.step + 1
            _after_step(job, batch, clock.done)
            if _obey(job, clock.done):
                return False
            began = time.perf_counter()
    return _finish(job, clock.done)


def _step(job: Job, batch: ReadyBatch, began: float) -> None:
    _report_quarantine(job)
    factor = lr_factor(job.recipe, batch.step, job.data.plan.total_steps)
    set_rates(job.stepper.update.optimizer, factor)
    taken = job.stepper.take(batch)
    if taken.overflowed_at is not None:
        _report_overflow(job, batch.step + 1, taken.overflowed_at)
    job.log.add(batch, taken, rates_of(job.stepper.update.optimizer), began)


def _report_overflow(job: Job, step: int, scale: float) -> None:
    job.process.reporter.warn(
        f"step {step:,} moved nothing: its gradients overflow fp16 at a loss scale of {scale:g}, which is halved",
        "nothing to do; if it happens often, set precision.mixed = 'bf16' or 'fp32' in a new run",
    )


def _report_quarantine(job: Job) -> None:
    for row, reason in job.data.reader.quarantine.take_unreported():
        job.process.reporter.quarantined(job.data.manifest.image(row).path, reason)
    job.data.reader.quarantine.check_limit()


def _after_step(job: Job, batch: ReadyBatch, done: int) -> None:
    """The state comes last: a run killed while sampling samples again when it is resumed."""
    recipe, last = job.recipe, done == job.data.plan.total_steps
    epoch, index = job.data.plan.plan.locate(batch.step)
    epoch_ended = epoch + 1 if index + 1 == job.data.plan.plan.batches(epoch) else None
    if job.outputs.checkpoints.are_due(done, epoch_ended):
        job.log.flush()
        job.outputs.checkpoints.after_step(done, epoch_ended)
    if not last and _are_due(recipe.evaluate, done, epoch_ended):
        _evaluate(job, done)
    if _are_due(recipe.sample, done, epoch_ended) and not (last and recipe.sample.at_end):
        _sample(job, done)
    if last or is_due(done, recipe.save.state_every_steps):
        _save_state(job, done)


def _are_due(knobs: SamplePictures | Evaluate, done: int, epoch_ended: int | None) -> bool:
    return is_due(done, knobs.every_steps) or is_due(epoch_ended or 0, knobs.every_epochs)


def _obey(job: Job, done: int) -> bool:
    """Do what was asked for between two steps; whether to stop. A pause is spent here, in memory."""
    while True:
        job.outputs.states.look()
        wishes = job.process.control.agree(done)
        if wishes != Wishes():
            job.log.flush()
        if wishes.save:
            job.outputs.checkpoints.write_step(done)
            _save_state(job, done)
        if wishes.sample:
            _sample(job, done)
        if wishes.stop:
            _save_state(job, done)
            return True
        if not wishes.pause:
            return False
        time.sleep(_PAUSE_LOOK_SECONDS)


def _finish(job: Job, done: int) -> bool:
    job.outputs.checkpoints.write_last(done)
    _evaluate(job, done)
    if job.recipe.sample.at_end:
        _sample(job, done)
    job.process.control.listen()  # a stop that comes now has nothing left to stop
    return True


def _evaluate(job: Job, done: int) -> None:
    """Measure after `done` steps, all processes together. A stop that is asked for meanwhile is left to the loop."""
    process = job.process
    reporter, control = process.reporter, process.control
    if job.outputs.evaluations:
        job.log.flush()
    for is_held_out, evaluation in job.outputs.evaluations.items():
        name = "validating" if is_held_out else "evaluating"
        reporter.phase(name, evaluation.turns)

        def go_on(turn: int, name: str = name, turns: int = evaluation.turns) -> bool:
            reporter.progress(name, turn, turns)
            return control.all_go_on()

        with uncompiled(job.stepper.family.unet), job.stepper.trained.at_rest():
            found = evaluation.measure(
                job.stepper.arithmetic.autocast, go_on, partial(summed, process.accelerator)
            )
        if found is None:
            return
        reporter.evaluated(
            Evaluated(time.time(), done, found.loss, found.images, is_held_out, found.bands, found.subsets)
        )


def _sample(job: Job, done: int) -> None:
    wanted = wanted_pictures(job.recipe.sample, job.stepper.family.facts.native_side)
    if not wanted or not job.process.reporter.is_main_process:
        return
    accelerator = job.process.accelerator
    job.log.flush()
    job.process.reporter.phase("sampling", len(wanted))
    family = job.stepper.family
    with suppress(SamplingStoppedError), uncompiled(family.unet), job.stepper.trained.at_rest():
        for index, each in enumerate(wanted):
            with job.stepper.arithmetic.autocast():
                picture = make_picture(family, each, accelerator.device, job.process.control.go_on)
            path = job.run.samples_dir / f"step-{done:08d}-{index:02d}.png"
            write_picture(path, picture, each, done)
            shown = str(path.relative_to(job.run.path))
            job.process.reporter.emit(SampleMade(time.time(), done, shown, each.prompt, each.seed))
            job.process.reporter.progress("sampling", index + 1, len(wanted))


def _save_state(job: Job, done: int) -> None:
    job.log.flush()
    if not job.process.reporter.is_main_process:
        return
    job.outputs.states.save(state_now(done, job.stepper.trained, job.stepper.update))
