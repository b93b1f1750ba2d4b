"""The length of a training: epochs, batches and steps turned into each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.contract.epoch_plan import EpochPlan, Span

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Recipe


@dataclass(frozen=True)
class TrainingPlan:
    """All batches of a training, and how many of them are trained."""

    plan: EpochPlan
    total_steps: int
    total_epochs: int
    effective_batch: int


def plan_training(spans: Sequence[Span], recipe: Recipe, processes: int = 1) -> TrainingPlan:
    """The plan of a recipe on a manifest's spans. Epochs win over steps (row S075).

    The batch of one step is size x accumulate x processes images of one bucket, so one GPU and several with
    the same product train on the same batches (row B11).
    """
    effective = recipe.batch.size * recipe.batch.accumulate * processes
    epochs = recipe.length.epochs
    final = epochs - 1 if epochs else None
    plan = EpochPlan(spans, effective, recipe.seed, recipe.batch.leftovers, final)
    if epochs:
        return TrainingPlan(plan, plan.steps(epochs), epochs, effective)
    last_epoch, _ = plan.locate(recipe.length.steps - 1)
    return TrainingPlan(plan, recipe.length.steps, last_epoch + 1, effective)
