"""A trial before a run: two real steps at its largest bucket, a sample and a save, measured; nothing is left of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from curator.contract.epoch_plan import Sample
from curator.contract.locations import DRAFT_PREFIX
from curator.contract.run.schedules import lr_factor
from curator.contract.text import counted
from train.data.batches import Share
from train.data.dataset import picture_of
from train.data.images import to_model_range
from train.data.latents import Latents, encode, entry_of, rounded_by
from train.data.micro_batch import Preparation
from train.data.quarantine import Quarantine
from train.device import make_accelerator
from train.evaluate import Evaluation, NoRoomError
from train.optim.optimizers import set_rates
from train.out_of_memory import is_out_of_memory
from train.precision.compiled import uncompiled
from train.preflight.measure import Cost, measured
from train.prepare.stages import compile_for, load_trainable, make_reader, make_stepper
from train.preview.samples import make_picture, wanted_pictures
from train.states.resume import Identity, save_state
from train.states.state_writer import state_now
from train.survival.room import release_memory, size_of

if TYPE_CHECKING:
    from accelerate import Accelerator

    from curator.contract.recipe.recipe import Recipe
    from train.data.batches import Batch, BatchReader, Item
    from train.data.micro_batch import ReadyBatch
    from train.prepare.stages import Material, Trainable
    from train.report import Reporter
    from train.step import Stepper

_STEPS = 2
TURNS = 4  # of a trial: model, caching, steps, sample and save


@dataclass
class Trial:
    """What it found. `at_once` images of `size` were tried together, of which `fits_at_once` went through (0: none)."""

    device: str = ""
    bucket: int = 0
    size: tuple[int, int] = (0, 0)
    at_once: int = 0
    fits_at_once: int = 0
    samples: int = 0  # of the step
    read: Cost = field(default_factory=Cost)  # of one image
    cached: Cost | None = None  # of one image
    step: Cost | None = None
    sample: Cost | None = None  # of one denoising step
    pictures: int = 0
    evaluation: Cost | None = None  # of one image
    save: Cost | None = None
    weights_bytes: int = 0
    state_bytes: int = 0
    problems: list[str] = field(default_factory=list)


def try_out(
    recipe: Recipe, material: Material, place: Path, reporter: Reporter, turn: Callable[[int], None]
) -> Trial:
    """Do what a run would do most; `place` is a folder on its disk, `turn` hears of each of `TURNS`.

    What does not fit in the memory is among the problems.

    Raises:
        UserError: there is no such model, or the recipe cannot be followed with it.
    """
    accelerator = make_accelerator(recipe, place)
    trial = Trial(str(accelerator.device))
    turn(0)
    try:
        model = load_trainable(recipe, accelerator, reporter)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        trial.problems.append("the model itself does not fit in the memory")
        return trial
    compile_for(model, recipe, material.plan.total_steps)
    share = Share(accelerator.process_index, accelerator.num_processes)
    reader = make_reader(material, recipe, Quarantine(material.manifest.spans, recipe.survival), share, None)
    batch = _largest(trial, reader, material, recipe)
    turn(1)
    if recipe.cache.latents != "off":
        batch = _with_latents(trial, model, reader, batch, recipe)
    turn(2)
    stepper = make_stepper(model, recipe, accelerator)
    ready = Preparation(
        model.family, Latents(model.family), recipe, pinned=accelerator.device.type == "cuda"
    ).ready(batch)
    if not _steps(trial, stepper, ready, material.plan.total_steps):
        return trial
    turn(3)
    _sample(trial, model, recipe, accelerator)
    _evaluate(trial, model, recipe, material, accelerator)
    _save(trial, model, recipe, place)
    turn(TURNS)
    return trial


def _largest(trial: Trial, reader: BatchReader, material: Material, recipe: Recipe) -> Batch:
    """The batch with the most pixels that go through the model at once."""
    manifest, batch = material.manifest, recipe.batch
    sizes = manifest.header.buckets
    counts: dict[int, int] = {}
    for span in manifest.spans:
        counts[span.bucket] = counts.get(span.bucket, 0) + span.samples
    found = {bucket: min(count, batch.size) for bucket, count in counts.items() if count}
    trial.bucket = max(found, key=lambda each: (found[each] * sizes[each][0] * sizes[each][1], each))
    trial.size, trial.at_once = sizes[trial.bucket], found[trial.bucket]
    trial.samples = min(counts[trial.bucket], batch.size * batch.accumulate)
    rows = [
        row
        for span in manifest.spans
        if span.bucket == trial.bucket and span.samples
        for row in range(span.first_row, span.first_row + min(span.rows, trial.samples))
    ]
    samples = tuple(Sample(0, rows[at % len(rows)], at // len(rows)) for at in range(trial.samples))
    with measured() as cost:
        read = reader.read(trial.bucket, samples)
    trial.read = replace(cost, seconds=cost.seconds / len(samples))
    return read


def _with_latents(trial: Trial, model: Trainable, reader: BatchReader, batch: Batch, recipe: Recipe) -> Batch:
    """The batch as the run has it: of images that are always cut alike the latents, encoded before."""
    fixed = [
        item.loaded is not None and picture_of(reader.manifest, item.shown.row).is_fixed
        for item in batch.items
    ]
    with measured() as cost, model.family.vae_at_work():
        items = [
            _kept(item, model, recipe) if is_fixed else item
            for item, is_fixed in zip(batch.items, fixed, strict=True)
        ]
    if any(fixed):
        trial.cached = replace(cost, seconds=cost.seconds / sum(fixed))
    return replace(batch, items=tuple(items))


def _kept(item: Item, model: Trainable, recipe: Recipe) -> Item:
    assert item.loaded is not None
    found = encode(model.family, to_model_range(item.loaded.pixels)[None])
    moments = torch.stack([found.mean[0], found.logvar[0]]).cpu()
    entry = entry_of(moments, item.loaded.mask, model.family.vae_numbers, rounded_by(recipe.cache))
    return replace(item, loaded=None, kept=entry)


def _steps(trial: Trial, stepper: Stepper, ready: ReadyBatch, total_steps: int) -> bool:
    """Two steps, of which the second one counts; whether there is room for one image."""
    cost, is_finite = Cost(), True
    width, height = trial.size
    shown = f"of {width} x {height} pixels at once"
    try:
        for step in range(_STEPS):
            set_rates(stepper.update.optimizer, lr_factor(stepper.recipe, step, total_steps))
            with measured() as cost:
                taken = stepper.take(replace(ready, step=step))
                is_finite = taken.is_finite(norm_may_overflow=True)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        count = 1 if stepper.update.can_begin_again else trial.at_once
        trial.problems.append(f"{counted(count)} {shown} {'does' if count == 1 else 'do'} not fit")
        return False
    finally:
        release_memory()
    trial.step = cost
    trial.fits_at_once = stepper.room.most.get(size_of(ready.micro_batches), trial.at_once)
    if trial.fits_at_once < trial.at_once:
        trial.problems.append(f"{trial.at_once} images {shown} do not fit, {trial.fits_at_once} do")
    if not is_finite:
        trial.problems.append(f"the loss is NaN or infinite with {', '.join(ready.names)}")
    return True


def _sample(trial: Trial, model: Trainable, recipe: Recipe, accelerator: Accelerator) -> None:
    """The largest image of the recipe, in two of its steps."""
    wanted = wanted_pictures(recipe.sample, model.family.facts.native_side)
    trial.pictures = len(wanted)
    if not wanted:
        return
    largest = max(wanted, key=lambda each: each.width * each.height)
    few = replace(largest, steps=min(_STEPS, largest.steps))
    try:
        with (
            measured() as cost,
            uncompiled(model.family.unet),
            model.trained.at_rest(),
            model.arithmetic.autocast(),
        ):
            make_picture(model.family, few, accelerator.device, lambda: True)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        trial.problems.append(f"a sample of {largest.width} x {largest.height} pixels does not fit")
        return
    trial.sample = replace(cost, seconds=cost.seconds / few.steps)


def _evaluate(
    trial: Trial, model: Trainable, recipe: Recipe, material: Material, accelerator: Accelerator
) -> None:
    """One image, measured as each is, of those that are measured."""
    manifest, knobs = material.manifest, recipe.evaluate
    rows = manifest.held_out if knobs.validation_images and len(manifest.held_out) else manifest.trained
    if not knobs.images and rows is manifest.trained:
        return
    evaluation = Evaluation(manifest, model.family, [rows[0]], accelerator.device)
    for _ in range(2):  # the image is encoded in the first alone
        try:
            with measured() as cost, uncompiled(model.family.unet), model.trained.at_rest():
                found = evaluation.measure(model.arithmetic.autocast, lambda _turn: True)
        except NoRoomError:
            trial.problems.append("the evaluation of one image does not fit")
            return
        if found is None:  # it cannot be decoded: the run leaves it out
            return
    trial.evaluation = cost


def _save(trial: Trial, model: Trainable, recipe: Recipe, place: Path) -> None:
    """Weights and a state, on the run's disk, and removed."""
    with tempfile.TemporaryDirectory(prefix=f"{DRAFT_PREFIX}preflight-", dir=place) as name:
        folder = Path(name)
        with measured() as cost:
            with model.trained.at_rest():
                written = model.trained.write(folder / "weights", {}, recipe.save.dtype)
            state = save_state(folder, state_now(0, model.trained, model.update), Identity("", "", {}), 1)
        trial.save = cost
        trial.weights_bytes = _bytes([each.path for each in written])
        trial.state_bytes = _bytes([state])


def _bytes(places: Sequence[Path]) -> int:
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place])]
    return sum(file.stat().st_size for file in files if file.is_file())
