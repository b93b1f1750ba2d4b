"""The training loop: step, report, save, evaluate, sample, save state, obey; again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from curator.contract.run.events import Evaluated, SampleMade
from curator.contract.run.schedules import lr_factor
from curator.contract.text import counted
from train.control import Wishes
from train.device import found_by_all, summed
from train.evaluate import NoRoomError
from train.optim.optimizers import rates_of, set_rates
from train.out_of_memory import fitting
from train.precision.compiled import uncompiled
from train.preview.samples import SamplingStoppedError, Wanted, make_picture, wanted_pictures, write_picture
from train.states.checkpoints import is_due
from train.states.state_writer import state_now
from train.survival.room import shown, size_of
from train.survival.tolerance import WRITING, outlived

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Evaluate, SamplePictures
    from curator.contract.run.run_folder import Ending
    from train.clock import Clock
    from train.data.micro_batch import ReadyBatch
    from train.job import Job
    from train.survival.bad_steps import BadStep

_PAUSE_LOOK_SECONDS = 0.2
_ROOM_HINT = "the run goes on, and measures again in its turn; smaller buckets take less memory"


def train(job: Job, clock: Clock) -> Ending:
    """Train to the end, or until something else was asked for and the state is saved; how it ended."""
    with closing(job.data.caches), job.outputs.states:
        return _train(job, clock)


def _train(job: Job, clock: Clock) -> Ending:
    if clock.done == 0:
        _evaluate(job, 0)
        if job.recipe.sample.at_start:
            _sample(job, 0)
    if ending := _obey(job, clock.done):
        return ending
    job.process.reporter.phase("training", job.data.plan.total_steps)
    while clock.done < job.data.plan.total_steps:
        if ending := _stretch(job, clock):
            return ending
    _finish(job, clock.done)
    return "finished"


def _stretch(job: Job, clock: Clock) -> Ending | None:
    """Train until the end, or until images are left out that were read ahead; how to end, if that was asked for."""
    began = time.perf_counter()  # a step takes as long as it does with the wait for its images
    with closing(job.data.feed.batches(clock.done, job.data.plan.total_steps)) as batches:
        for batch in batches:
            known = len(job.bad_steps.left_out)
            if batch.step not in job.bad_steps.steps:
                _step(job, batch, began)
            clock.done = batch.step + 1
            _after_step(job, batch, clock.done)
            if ending := _obey(job, clock.done):
                return ending
            if len(job.bad_steps.left_out) > known:
                return None
            began = time.perf_counter()
    return None


def leave_out(job: Job, bad: BadStep) -> None:
    """Put a step whose numbers are none on record, and tell of it; all processes call it together.

    Raises:
        UserError: there are more of them than the recipe allows, or of images without which the run goes on.
    """
    reporter = job.process.reporter
    reporter.warn(
        f"step {bad.step + 1:,} is left out: its loss or gradient is NaN or infinite, with {', '.join(bad.images)}",
        f"look at the image; after {counted(job.recipe.survival.nan_repeats, 'such step')} it is trained no more",
    )
    for row in job.bad_steps.add(bad):
        if reporter.is_main_process:
            path = job.data.manifest.image(row).path
            reporter.quarantined(path, "the loss is NaN or infinite whenever it is trained")
    job.data.reader.quarantine.check_limit()
    job.process.accelerator.wait_for_everyone()


def _step(job: Job, batch: ReadyBatch, began: float) -> None:
    _report_quarantine(job)
    factor = lr_factor(job.recipe, batch.step, job.data.plan.total_steps)
    set_rates(job.stepper.update.optimizer, factor)
    room, known = job.stepper.room, dict(job.stepper.room.most)
    with fitting(f"step {batch.step + 1:,}, with {shown(batch.micro_batches)},", job.recipe):
        taken = job.stepper.take(batch)
    if room.most != known:
        _report_halves(job, batch)
    if taken.bad is not None:
        leave_out(job, taken.bad)
        return
    if taken.overflowed_at is not None:
        _report_overflow(job, batch.step + 1, taken.overflowed_at)
    job.log.add(batch, taken, rates_of(job.stepper.update.optimizer), began)


def _report_halves(job: Job, batch: ReadyBatch) -> None:
    most = job.stepper.room.most[size_of(batch.micro_batches)]
    job.process.reporter.warn(
        f"step {batch.step + 1:,}: {shown(batch.micro_batches)} do not fit in the memory; now {most} at a time",
        "nothing to do: the gradient is the same; a smaller batch.size with more batch.accumulate spares the first try",
    )


def _report_overflow(job: Job, step: int, scale: float) -> None:
    job.process.reporter.warn(
        f"step {step:,} moved nothing: its gradients overflow fp16 at a loss scale of {scale:g}, which is halved",
        "nothing to do; if it happens often, set precision.mixed = 'bf16' or 'fp32' in a new run",
    )


def _report_quarantine(job: Job) -> None:
    """All processes know what any of them found: the limit is of all images, and the first one tells."""
    quarantine = job.data.reader.quarantine
    for row, reason in found_by_all(job.process.accelerator, quarantine.take_unreported()):
        if quarantine.is_news(row, reason) and job.process.reporter.is_main_process:
            job.process.reporter.quarantined(job.data.manifest.image(row).path, reason)
    quarantine.check_limit()


def _after_step(job: Job, batch: ReadyBatch, done: int) -> None:
    """The state comes last: a run killed while sampling samples again when it is resumed."""
    recipe, last = job.recipe, done == job.data.plan.total_steps
    epoch, index = job.data.plan.plan.locate(batch.step)
    epoch_ended = epoch + 1 if index + 1 == job.data.plan.plan.batches(epoch) else None
    if job.outputs.checkpoints.are_due(done, epoch_ended):
        job.log.flush()
        with _writing_weights(job, done):
            job.outputs.checkpoints.after_step(done, epoch_ended)
    if not last and _are_due(recipe.evaluate, done, epoch_ended):
        _evaluate(job, done)
    if _are_due(recipe.sample, done, epoch_ended) and not (last and recipe.sample.at_end):
        _sample(job, done)
    if last or is_due(done, recipe.save.state_every_steps):
        _save_state(job, done)


def _writing_weights(job: Job, done: int) -> AbstractContextManager[None]:
    """Weights between that cannot be written are told of; the last ones must be."""
    return outlived(
        job.process.reporter,
        f"the weights after step {done:,} could not be written",
        "free space or check rights; the run goes on, and 'frieze runs save' writes them once more",
        WRITING,
    )


def _are_due(knobs: SamplePictures | Evaluate, done: int, epoch_ended: int | None) -> bool:
    return is_due(done, knobs.every_steps) or is_due(epoch_ended or 0, knobs.every_epochs)


def _obey(job: Job, done: int) -> Ending | None:
    """Do what was asked for between two steps; how to end, if the run is to. A pause is spent here, in memory."""
    while True:
        job.outputs.states.look()
        wishes = job.process.control.agree(done)
        if wishes != Wishes():
            job.log.flush()
        if wishes.save:
            with _writing_weights(job, done):
                job.outputs.checkpoints.write_step(done)
            _save_state(job, done)
        if wishes.sample:
            _sample(job, done)
        if ending := wishes.ending:
            _save_state(job, done)
            if (error := job.outputs.states.finish()) is not None:
                raise error  # what was trained since the state before is lost: nobody may take it for stopped
            return ending
        if not wishes.pause:
            return None
        time.sleep(_PAUSE_LOOK_SECONDS)


def _finish(job: Job, done: int) -> None:
    job.outputs.checkpoints.write_last(done)
    _evaluate(job, done)
    if job.recipe.sample.at_end:
        _sample(job, done)
    job.process.control.say_missed()


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

        found = None
        with (
            outlived(reporter, f"no losses of {name} after step {done:,}", _ROOM_HINT, (NoRoomError,)),
            uncompiled(job.stepper.family.unet),
            job.stepper.trained.at_rest(),
        ):
            found = evaluation.measure(
                job.stepper.arithmetic.autocast, go_on, partial(summed, process.accelerator)
            )
        for path, reason in found_by_all(process.accelerator, reporter.take_unheard()):
            reporter.quarantined(path, reason)
        if found is None:
            continue
        reporter.evaluated(
            Evaluated(time.time(), done, found.loss, found.images, is_held_out, found.bands, found.subsets)
        )


def _sample(job: Job, done: int) -> None:
    wanted = wanted_pictures(job.recipe.sample, job.stepper.family.facts.native_side)
    if not wanted:
        return
    if not job.process.reporter.is_main_process:
        _rest_along(job)
        return
    job.log.flush()
    with outlived(
        job.process.reporter,
        f"no more samples after step {done:,}",
        "the run goes on, and makes those that are next; fewer or smaller images take less memory",
    ):
        _make_samples(job, done, wanted)


def _rest_along(job: Job) -> None:
    """Weights that are spread over processes are put together by all, for the first one to look at."""
    if job.recipe.precision.shard == "full":
        with job.stepper.trained.at_rest():
            pass


def _make_samples(job: Job, done: int, wanted: Sequence[Wanted]) -> None:
    accelerator = job.process.accelerator
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
    """Not the state that the run was resumed from: in being replaced it would be nowhere for a moment."""
    job.log.flush()
    if done == job.done > 0:
        return
    shard = job.recipe.precision.shard
    if job.process.reporter.is_main_process:
        job.outputs.states.save(state_now(done, job.stepper.trained, job.stepper.update))
    elif shard == "full":
        state_now(done, job.stepper.trained, job.stepper.update)
    elif shard == "optimizer":
        job.stepper.update.optimizer_state()
