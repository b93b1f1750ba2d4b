"""The outlook of a run from its trial: time, largest batch, memory and disk; what is refused, and what is proposed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from curator.contract.recipe.toml_file import with_values
from curator.contract.run.trackers import check_trackers
from train.data.latents import rounded_by
from train.preflight.measure import Cost, free_bytes
from train.preflight.proposals import proposals
from train.preflight.trial import Trial, try_out
from train.prepare.memory import memory_of
from train.prepare.refuse import disk_bytes
from train.prepare.stages import Material, survey_material
from train.states.checkpoints import is_due

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_length import TrainingPlan
    from train.report import Reporter


def outlook_of(
    recipe: Recipe,
    manifest: Manifest,
    processes: int,
    *,
    place: Path,
    reporter: Reporter,
    turn: Callable[[int], None],
) -> dict[str, object]:
    """Look at the images, try the recipe out in `place`, and say what its run will be, in the words of docs/json.md.

    None is what is not known, as where a step did not fit.

    Raises:
        UserError: an image is gone, there is no such model, or the recipe contradicts manifest or model.
    """
    check_trackers(recipe.log.trackers)
    material = survey_material(manifest, recipe, processes, reporter)
    alone = with_values(recipe, {"precision.shard": "none"})  # one process is tried, which keeps all
    trial = try_out(alone, material, place, reporter, turn)
    if recipe.precision.shard != "none":
        _less(trial, _spared(recipe, processes))
    on_disk = _kept_bytes(recipe, material) if recipe.cache.latents == "disk" else 0
    needed = disk_bytes(recipe, material.plan, trial.weights_bytes, trial.state_bytes)
    if not recipe.cache.folder:  # else it may lie on another disk
        needed += on_disk
    free = shutil.disk_usage(place).free
    if needed > free:
        trial.problems.append(
            f"the run needs up to {needed / 2**20:,.0f} MiB and the disk has {free / 2**20:,.0f} MiB free"
        )
    too_large = trial.fits_at_once < trial.at_once or not trial.at_once
    times = _Times(recipe, material, trial, processes)
    return {
        "fits": not trial.problems,
        "obstacles": tuple(trial.problems),
        "proposals": list(proposals(recipe)) if too_large else [],
        "device": trial.device,
        "bucket": trial.size,
        "images_at_once": trial.at_once,
        "max_batch": _max_batch(trial),
        "step_seconds": trial.step.seconds if trial.step else None,
        "images_per_second": trial.samples / times.step_seconds if trial.step else None,
        "steps": material.plan.total_steps,
        "total_seconds": times.all,
        "caching_seconds": times.caching,
        "training_seconds": times.training,
        "sampling_seconds": times.sampling,
        "saving_seconds": times.saving,
        "evaluating_seconds": times.evaluating,
        "device_peaks": _peaks(trial, lambda cost: cost.device_bytes),
        "host_peaks": _peaks(trial, lambda cost: cost.host_bytes),
        "free_bytes": free_bytes(),
        "weights_bytes": trial.weights_bytes,
        "state_bytes": trial.state_bytes,
        "cache_bytes": _kept_bytes(recipe, material) if recipe.cache.latents == "memory" else 0,
        "cache_disk_bytes": on_disk,
        "disk_bytes": needed,
        "disk_free_bytes": free,
    }


def _spared(recipe: Recipe, processes: int) -> int:
    """Bytes that each of so many processes keeps less of than one alone."""
    one, each = (memory_of(recipe, lambda _what, _hint: None, count).device_bytes for count in (1, processes))
    return max(0, one - each)


def _less(trial: Trial, spared: int) -> None:
    """Take what is kept elsewhere from the peaks; of one that did not fit, say what was tried."""
    for cost in (trial.step, trial.sample, trial.save):
        if cost is not None:
            cost.device_bytes = max(0, cost.device_bytes - spared)
            cost.rest = max(0, cost.rest - spared) if cost.device_bytes else cost.rest
    trial.problems[:] = [
        f"{problem} (one process was tried, which keeps {spared / 2**20:,.0f} MiB more than each of several)"
        if "fit" in problem
        else problem
        for problem in trial.problems
    ]


def _peaks(trial: Trial, bytes_of: Callable[[Cost], int]) -> dict[str, int]:
    costs = {"train_bytes": trial.step, "sample_bytes": trial.sample, "save_bytes": trial.save}
    return {name: bytes_of(cost) if cost else 0 for name, cost in costs.items()}


def _max_batch(trial: Trial) -> int | None:
    """By what one image took beside all that is held between two steps; what did not fit was halved until it did."""
    if trial.step is None:
        return 0 if trial.problems else None
    if trial.fits_at_once < trial.at_once:
        return trial.fits_at_once
    peak = trial.step.device_bytes or trial.step.host_bytes
    each, free = (peak - trial.step.rest) / trial.at_once, free_bytes()
    if each <= 0 or not free:
        return None
    return trial.at_once + max(0, int((free - peak) / each))


def _kept_bytes(recipe: Recipe, material: Material) -> int:
    """Moments of all images that are kept, mirrored ones too: 8 channels of an 8th of the sides.

    In as many digits as the cache rounds them to; of what is on the disk already nothing is known here.
    """
    digits = 4 if rounded_by(recipe.cache) in (None, torch.float32) else 2
    whole = _kept_pixels(material) // 64 * 8 * digits
    limit = recipe.cache.disk_gib << 30 if recipe.cache.latents == "disk" else 0
    return min(whole, limit) if limit else whole


def _kept_pixels(material: Material) -> int:
    """Of all images, mirrored ones too, that are always cut alike or nearly so."""
    header = material.manifest.header
    return sum(
        part.rows * (1 + header.subsets[part.subset].flip) * _pixels(header.buckets[part.bucket])
        for part in material.manifest.parts
        if not part.is_held_out and header.subsets[part.subset].crop != "random"
    )


def _measured_images(recipe: Recipe, material: Material) -> int:
    """How many an evaluation measures: of those trained, and of those held out."""
    knobs, manifest = recipe.evaluate, material.manifest
    return min(knobs.images, len(manifest.trained)) + min(knobs.validation_images, len(manifest.held_out))


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


class _Times:
    """Seconds of a run's parts. Work on images is taken to grow with their pixels."""

    def __init__(self, recipe: Recipe, material: Material, trial: Trial, processes: int) -> None:
        plan, sizes = material.plan, material.manifest.header.buckets
        tried = max(_pixels(trial.size), 1)
        work = sum(span.samples * _pixels(sizes[span.bucket]) for span in material.manifest.spans) / tried
        epochs = plan.total_steps / max(plan.plan.batches(0), 1)
        workers = max(1, recipe.loader.workers)
        reading = 0.0 if trial.cached else trial.read.seconds * trial.samples / workers
        self.step_seconds = max(trial.step.seconds, reading) if trial.step else 0.0
        self.training = (
            epochs * work * self.step_seconds / (trial.samples * processes) if trial.step else None
        )
        kept = trial.cached.seconds * _kept_pixels(material) / tried if trial.cached else 0.0
        self.caching = kept / processes
        turns = _turns(plan, recipe.sample.every_steps, recipe.sample.every_epochs)
        turns += recipe.sample.at_start + recipe.sample.at_end
        self.sampling = (
            turns * trial.pictures * recipe.sample.steps * trial.sample.seconds if trial.sample else 0.0
        )
        saves = 1 + _turns(plan, recipe.save.every_steps, recipe.save.every_epochs)
        self.saving = saves * trial.save.seconds if trial.save else 0.0
        measured = _measured_images(recipe, material)
        turns = 2 + _turns(plan, recipe.evaluate.every_steps, recipe.evaluate.every_epochs)
        each = trial.evaluation.seconds if trial.evaluation else 0.0
        self.evaluating = turns * measured * each / processes
        parts = (self.caching, self.sampling, self.saving, self.evaluating)
        self.all = None if self.training is None else self.training + sum(parts)


def _turns(plan: TrainingPlan, steps: int, epochs: int) -> int:
    """How often something due every so many steps, and every so many epochs (0: never), is done before the end."""
    by_step = (plan.total_steps - 1) // steps if steps else 0
    by_epoch = sum(is_due(epoch, epochs) for epoch in range(1, plan.total_epochs)) if epochs else 0
    return by_step + by_epoch
