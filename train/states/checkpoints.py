"""Checkpoints of a run: when they are written, their names, which are kept."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.locations import RAW_WEIGHTS_SUFFIX
from curator.contract.run.events import CheckpointSaved
from train.weights.metadata import Record, weights_metadata

if TYPE_CHECKING:
    from curator.contract.recipe.recipe import Save
    from curator.contract.run.run_folder import RunFolder
    from train.report import Reporter
    from train.trained.trained import Trained

_BY_STEP_OR_EPOCH = re.compile(
    rf"-(?:step(\d{{8,}})|(\d{{6,}}))(?:{re.escape(RAW_WEIGHTS_SUFFIX)})?(?:\.safetensors)?"
)


class Checkpoints:
    """The run's `output/` folder: NAME-step00000012, NAME-000002 (epochs), and NAME for the last."""

    def __init__(self, run: RunFolder, record: Record, trained: Trained, reporter: Reporter) -> None:
        self._run = run
        self._folder = run.output_dir
        self._record = record
        self._trained = trained
        self._reporter = reporter

    def are_due(self, step: int, epoch_ended: int | None) -> bool:
        """Whether the recipe wants one after `step`; `epoch_ended` counts from 1."""
        knobs = self._record.recipe.save
        return is_due(step, knobs.every_steps) or is_due(epoch_ended or 0, knobs.every_epochs)

    def after_step(self, step: int, epoch_ended: int | None) -> None:
        """Write what the recipe wants after `step`."""
        knobs = self._record.recipe.save
        if is_due(step, knobs.every_steps):
            self.write_step(step)
        if epoch_ended and is_due(epoch_ended, knobs.every_epochs):
            self._write(f"{self._record.info.name}-{epoch_ended:06d}", step)
        self._forget_old(knobs)

    def write_step(self, step: int) -> None:
        self._write(f"{self._record.info.name}-step{step:08d}", step)

    def write_last(self, step: int) -> None:
        self._write(self._record.info.name, step)

    def _write(self, stem: str, step: int) -> None:
        if not self._reporter.is_main_process:
            if self._record.recipe.precision.shard == "full":  # all put the weights together
                with self._trained.at_rest():
                    return
            return
        now = time.time()
        with self._trained.at_rest():
            metadata = weights_metadata(self._record, step, now)
            for written in self._trained.write(self._folder / stem, metadata, self._record.recipe.save.dtype):
                shown = str(written.path.relative_to(self._run.path))
                self._reporter.emit(CheckpointSaved(now, step, shown, written.sha256))

    def _forget_old(self, knobs: Save) -> None:
        if not knobs.keep_last or not self._reporter.is_main_process:
            return
        periodic = self._periodic(knobs)
        for step in sorted(periodic)[: -knobs.keep_last]:
            for version in periodic[step]:
                version.remove_unless_kept(knobs)

    def _periodic(self, knobs: Save) -> dict[int, list[_Version]]:
        """What the recipe's rhythm made, by step; what a user asked for is never removed."""
        name, plan = self._record.info.name, self._record.plan.plan
        found: dict[int, list[_Version]] = {}
        for path in self._folder.iterdir():
            match = _BY_STEP_OR_EPOCH.fullmatch(path.name.removeprefix(name))
            if not path.name.startswith(name) or not match:
                continue
            version = _Version(path, *(int(number or 0) for number in match.groups()))
            if is_due(version.step, knobs.every_steps) or is_due(version.epoch, knobs.every_epochs):
                found.setdefault(version.step or plan.steps(version.epoch), []).append(version)
        return found


class _Version(NamedTuple):
    """A file or folder of weights, by its step or by its epoch; the other is 0."""

    path: Path
    step: int
    epoch: int

    def remove_unless_kept(self, knobs: Save) -> None:
        """Remove it, but for one that the recipe keeps for good."""
        if is_due(self.step, knobs.keep_every_steps) or is_due(self.epoch, knobs.keep_every_epochs):
            return
        shutil.rmtree(self.path) if self.path.is_dir() else self.path.unlink(missing_ok=True)


def is_due(count: int, every: int) -> bool:
    """Whether something done every so many (0: never) is due after `count`."""
    return every > 0 and count > 0 and count % every == 0
