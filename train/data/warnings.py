"""Warnings about data that can be trained but may not be what its owner meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from curator.contract.recipe.checks import TrainingWarning
from curator.contract.text import counted, visible

if TYPE_CHECKING:
    from curator.contract.manifest.header import ManifestHeader
    from curator.contract.recipe.recipe import Recipe
    from train.data.survey import Survey


def data_warnings(header: ManifestHeader, survey: Survey, recipe: Recipe) -> Iterator[TrainingWarning]:
    """Sentences for a run's start, each with what to do."""
    if survey.bad_brackets is not None:
        count, path, problem = survey.bad_brackets
        among = f" of {sum(survey.looked_at):,} looked at" if survey.is_sample else ""
        yield TrainingWarning(
            f"{visible(path)}: {problem}"
            + (f" (and {counted(count - 1, 'more caption')}{among})" if count > 1 else ""),
            r"mend the captions and freeze again; plain brackets are written \( and \)",
        )
    yield from _about_masks(header, survey, recipe)
    if recipe.objective.prior_weight != 1.0 and not any(subset.is_reg for subset in header.subsets):
        yield TrainingWarning(
            "objective.prior_weight has no effect: the manifest has no regularisation images",
            "freeze with a subset of them, or leave objective.prior_weight out",
        )
    random = [visible(subset.name) for subset in header.subsets if subset.crop == "random"]
    if random and recipe.cache.latents != "off":
        yield TrainingWarning(
            f"{', '.join(random)}: cut at random, so what is longer than its bucket is read and encoded at every step",
            "a subset with crop 'center' keeps its latents",
        )


def _about_masks(header: ManifestHeader, survey: Survey, recipe: Recipe) -> Iterator[TrainingWarning]:
    looked_at = " looked at" if survey.is_sample else ""
    for subset, images, masks in zip(header.subsets, survey.looked_at, survey.masks, strict=True):
        if subset.mask == "file" and masks < images:
            of_all = f"of {counted(images)}{looked_at}"
            they_have = counted(masks, f"{of_all} has", f"{of_all} have")
            yield TrainingWarning(
                f"{visible(subset.name)}: {they_have} a mask file; the others count whole",
                "a mask stands beside NAME.png as NAME-mask.png",
            )
    if recipe.objective.mask_floor and all(subset.mask == "none" for subset in header.subsets):
        yield TrainingWarning(
            "objective.mask_floor has no effect: no subset of the manifest has masks",
            "set a subset's mask, or leave objective.mask_floor out",
        )
