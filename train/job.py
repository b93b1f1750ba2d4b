"""A training ready to run: everything `prepare` makes and `loop` uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelerate import Accelerator

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunFolder
    from curator.contract.run.run_length import TrainingPlan
    from train.control import Control
    from train.data.batches import BatchReader
    from train.data.feed import Feed
    from train.data.kept_latents import Caches
    from train.evaluate import Evaluation
    from train.report import Reporter
    from train.states.checkpoints import Checkpoints
    from train.states.state_writer import StateWriter
    from train.step import Stepper
    from train.step_log import StepLog
    from train.survival.bad_steps import BadSteps


@dataclass(frozen=True)
class Process:
    """One process of a run: its device, the events it writes, the requests it obeys."""

    accelerator: Accelerator
    reporter: Reporter
    control: Control


@dataclass(frozen=True)
class TrainingData:
    """What is trained on, and in which order."""

    manifest: Manifest
    plan: TrainingPlan
    reader: BatchReader
    feed: Feed
    caches: Caches


@dataclass(frozen=True)
class Outputs:
    """What a run leaves: weights, evaluation losses, and states to resume it from."""

    checkpoints: Checkpoints
    evaluations: Mapping[bool, Evaluation]  # of trained images (False), of those held out (True)
    states: StateWriter


@dataclass(frozen=True)
class Job:
    """One training, ready to run after `done` steps."""

    run: RunFolder
    recipe: Recipe
    process: Process
    data: TrainingData
    stepper: Stepper
    log: StepLog
    outputs: Outputs
    bad_steps: BadSteps
    done: int
