"""Checks before the first step: what is refused or warned of in the manifest, images, captions and on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.manifest.digest import verify_files
from curator.contract.manifest.manifest import Manifest, open_manifest
from curator.contract.recipe.checks import bracket_warnings, recipe_warnings
from curator.contract.run.schedule_doubts import schedule_warnings
from curator.contract.text import counted
from train.data.dataset import evenly_spread, picture_of
from train.data.survey import CountedManifest, Survey
from train.data.warnings import data_warnings
from train.trained.embeddings import word_of

if TYPE_CHECKING:
    from curator.contract.recipe.objective import Objective
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunInfo
    from curator.contract.run.run_length import TrainingPlan
    from train.families.family import BaseFacts, Family
    from train.report import Reporter
    from train.trained.trained import Trained

_CAPTIONS_CHECKED = 200
_DIGEST_SHOWN = 16  # digits, as where one freezes
_SPARE_BYTES = 50 * 2**20


def open_sealed(info: RunInfo) -> Manifest:
    """The manifest the run was started on.

    Raises:
        UserError: it is gone, damaged, or another one.
    """
    # every byte is compared, and with them the digest
    manifest = open_manifest(Path(info.manifest))
    if manifest.digest != info.manifest_digest:
        raise UserError(
            f"the manifest {info.manifest} is not the one this run was started on: its digest begins with"
            f" {manifest.digest[:_DIGEST_SHOWN]}, that of the run's with {info.manifest_digest[:_DIGEST_SHOWN]}",
            "put the old manifest back, or go on with this one as a new run: 'frieze train MANIFEST --fork RUN'",
        )
    return manifest


def check_images(manifest: Manifest, recipe: Recipe, reporter: Reporter) -> Survey:
    """Files must be there with their sizes (bytes are compared where they are read); what there is of what.

    Above 50,000 images an even sample is looked at; another file that is lost stops the run where it is read.
    """
    counted = CountedManifest(manifest, weighted_captions=recipe.text.weighted_captions)
    rows = len(counted)
    reporter.phase("checking images", rows)
    first, count = None, 0
    for done, problem in enumerate(verify_files(counted, read_all=False), start=1):
        if problem is not None:
            first, count = first or problem, count + 1
        reporter.progress("checking images", done, rows)
    if first is not None:
        among = f" of {rows:,} looked at" if counted.is_sample else ""
        verb = "is" if count == 2 else "are"
        more = f", and {count - 1:,} more{among} {verb} gone or changed" if count > 1 else ""
        what, hint = (
            f"{first.path}: {first.reason}{more}",
            "restore the files, or freeze again and start a new run",
        )
        if recipe.survival.changed_images == "stop":
            raise UserError(what, f"{hint}, or set survival.changed_images = 'skip'")
        reporter.warn(f"{what}; the run goes on without", hint)
    return counted.survey()


def warn(manifest: Manifest, survey: Survey, recipe: Recipe, total_steps: int, reporter: Reporter) -> None:
    """Report what can be trained but may not be what was meant."""
    for warning in (
        *recipe_warnings(recipe),
        *schedule_warnings(recipe, total_steps),
        *bracket_warnings(manifest, recipe),
        *data_warnings(manifest.header, survey, recipe),
    ):
        reporter.warn(warning.what, warning.hint)


def warn_of_long_captions(manifest: Manifest, family: Family, reporter: Reporter) -> None:
    """Report captions of more tokens than are trained, from an even sample."""
    rows = evenly_spread(len(manifest), _CAPTIONS_CHECKED)
    captions = [picture_of(manifest, row).plain_caption for row in rows]
    longest = max(family.token_count(caption) for caption in captions)
    if longest > family.trained_text_length:
        reporter.warn(
            f"captions are up to {longest} tokens long; what is beyond {family.trained_text_length} is cut off",
            "put what matters first, shorten them, or raise text.max_tokens (75, 150 or 225)",
        )


def check_word(manifest: Manifest, recipe: Recipe) -> None:
    """Refuse to learn a word that no caption has, by an even sample.

    Raises:
        UserError: it is in none.
    """
    if recipe.trains != "embeddings":
        return
    word = word_of(recipe.embeddings)
    rows = evenly_spread(len(manifest), _CAPTIONS_CHECKED)
    if not any(word.search(picture_of(manifest, row).plain_caption) for row in rows):
        raise UserError(
            f"no caption has the word '{recipe.embeddings.word}', whose embeddings shall be trained",
            "freeze with it as a trigger, or set embeddings.word to one that is there",
        )


def check_objective(objective: Objective, facts: BaseFacts, timesteps: int) -> None:
    """Refuse what the recipe alone cannot tell to be idle: the model says what it predicts, and in how many steps.

    Raises:
        UserError: a weight for the other kind of prediction, or no timestep that the model has.
    """
    predicts = {"epsilon": "noise", "v_prediction": "v"}[facts.prediction]
    if objective.scale_v_like_noise and predicts != "v":
        raise UserError(
            f"objective.scale_v_like_noise would have no effect: the model predicts {predicts}",
            "leave it out",
        )
    if objective.v_like_loss and predicts != "noise":
        raise UserError(
            f"objective.v_like_loss would have no effect: the model predicts {predicts}", "leave it out"
        )
    if objective.timesteps.start >= timesteps:
        raise UserError(
            f"objective.timesteps.start is {objective.timesteps.start}, and the model has {timesteps} timesteps",
            "lower it",
        )


def check_disk(run_folder: Path, recipe: Recipe, plan: TrainingPlan, trained: Trained) -> int:
    """Refuse what cannot fit: weights at every save, states and the one being written, samples.

    Gives how many bytes that may be.
    """
    numbers = sum(weight.numel() for weight in trained.weights)
    save = recipe.save
    is_averaged = recipe.ema.decay > 0
    copies = 2 if is_averaged and recipe.ema.save == "both" else 1
    weights = numbers * (4 if save.dtype == "fp32" else 2) * copies
    state = round(numbers * (4 + recipe.optimizer.facts.state_bytes + (4 if is_averaged else 0)))
    needed = disk_bytes(recipe, plan, weights, state)
    free = shutil.disk_usage(run_folder).free
    if needed > free:
        raise UserError(
            f"the run needs up to {needed / 2**20:,.0f} MiB and the disk has {free / 2**20:,.0f} MiB free",
            "free space, save less often or set save.keep_last",
        )
    return needed


def check_shares(plan: TrainingPlan, processes: int) -> None:
    """The batch of a step is the run's, however many processes share it; each must get an image.

    Raises:
        UserError: there are more processes than images in a step.
    """
    if processes > plan.effective_batch:
        raise UserError(
            f"the run has {counted(plan.effective_batch)} a step, and {processes} processes would share them",
            f"start it with --processes {plan.effective_batch} or less",
        )


def disk_bytes(recipe: Recipe, plan: TrainingPlan, weights: int, state: int) -> int:
    """What a run takes of the disk at most, by the bytes of one checkpoint and one state; drafts count as well."""
    save = recipe.save
    saves = _times(plan.total_steps, save.every_steps) + _times(plan.total_epochs, save.every_epochs)
    for_good = _times(plan.total_steps, save.keep_every_steps) + _times(
        plan.total_epochs, save.keep_every_epochs
    )
    kept = min(saves, save.keep_last + 1 + for_good) if save.keep_last else saves
    return weights * (kept + 1) + state * (save.states_kept + 1) + _SPARE_BYTES


def _times(count: int, every: int) -> int:
    """How often something done every so many (0: never) is done in `count`."""
    return count // every if every else 0
