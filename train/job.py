"""Decides what a training holds while it runs: everything `prepare` made and `loop` uses."""

from __future__ import annotations

from dataclasses import dataclass

from accelerate import Accelerator

from curator.contract.manifest import Manifest
from curator.contract.recipe import Recipe
from curator.contract.run_folder import RunFolder
from curator.contract.run_length import TrainingPlan
from train.checkpoints import Checkpoints
from train.control import Control
from train.data.batches import BatchReader
from train.data.quarantine import Quarantine
from train.evaluate import Evaluation
from train.report import Reporter
from train.resume import Identity
from train.step import Stepper


@dataclass(frozen=True)
class Job:
    """One training, ready to run after `done` steps."""

    run: RunFolder
    recipe: Recipe
    manifest: Manifest
    plan: TrainingPlan
    accelerator: Accelerator
    stepper: Stepper
    reader: BatchReader
    quarantine: Quarantine
    evaluation: Evaluation
    checkpoints: Checkpoints
    identity: Identity
    reporter: Reporter
    control: Control
    done: int
