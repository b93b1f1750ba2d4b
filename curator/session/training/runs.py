"""Runs of a collection: started, listed, asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from curator.contract.errors import UserError
from curator.session.training.run_queue import RunQueue
from curator.session.training.run_weights import RunWeights

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.progress import Progress
    from curator.contract.recipe.checks import TrainingWarning
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunFolder
    from curator.freeze.diff import ManifestDiff
    from curator.runs.fold import RunView
    from curator.runs.follow import Follower
    from curator.runs.image_losses import RunLosses
    from curator.runs.listing import PassedOver, RunSummary
    from curator.runs.managing.comparison import Curves, Knob, Side
    from curator.runs.managing.removal import Belongings
    from curator.session.training.run_queue import Queued


class Comparison(NamedTuple):
    """Two runs: knobs that differ, what differs in their data (None: nothing, or it `cannot` be told), and losses."""

    sides: tuple[Side, Side]
    knobs: tuple[Knob, ...]
    data: ManifestDiff | None
    cannot: str
    curves: Curves


class Runs:
    """Runs of a collection, or of another `folder`: started, listed, asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queue = RunQueue()
        self.weights = RunWeights()

    def launch(
        self,
        manifest: Path,
        recipe: Recipe,
        name: str,
        processes: int = 1,
        *,
        begins: bool = True,
        queued: Queued | None = None,
    ) -> RunFolder:
        """Start a training of `manifest` that lives on when this program ends, and what uploads its checkpoints.

        One that is `queued` begins when its turn comes. Without `begins` it is made for several machines to begin: see
        `line_of` and `slurm_script`.

        Raises:
            UserError: the run cannot start, or its checkpoints could never be uploaded as the recipe says.
        """
        from curator.runs.launch import start_new

        _check_publishing(recipe)
        if not begins:
            return start_new(self.folder, manifest, recipe, name, processes, begins=False)
        run = start_new(self.folder, manifest, recipe, name, processes, begins=queued is None)
        if queued is not None:
            self.queue.add(run, queued)
            return run
        self._upload_checkpoints(run, recipe)
        return run

    def fork(
        self,
        run: RunFolder,
        step: int | None,
        recipe: Recipe,
        *,
        name: str,
        manifest: Path | None = None,
        processes: int | None = None,
        begins: bool = True,
        queued: Queued | None = None,
    ) -> RunFolder:
        """Start a run that goes on from a saved state of `run` by another recipe, or on another manifest."""
        from curator.runs.fork import fork

        _check_publishing(recipe)
        made = fork(
            self.folder,
            run,
            step,
            recipe,
            name=name,
            manifest=manifest,
            processes=processes,
            begins=begins and queued is None,
        )
        if queued is not None:
            self.queue.add(made, queued)
        elif begins:
            self._upload_checkpoints(made, recipe)
        return made

    @staticmethod
    def line_of(run: RunFolder, nodes: int, processes: int, rendezvous: str) -> str:
        """What each of `nodes` machines runs to begin `run`, or to go on with it."""
        from curator.runs.machines import line_of

        return line_of(run, nodes, processes, rendezvous, uploads=_publishes(run))

    @staticmethod
    def slurm_script(run: RunFolder, nodes: int, processes: int, options: Sequence[str]) -> str:
        """The script with which Slurm begins `run`, and goes on with it after preemption."""
        from curator.runs.machines import slurm_script

        return slurm_script(run, nodes, processes, options, uploads=_publishes(run))

    def check_models(self, recipe: Recipe) -> list[TrainingWarning]:
        """What is doubtful in a recipe's models; refuses those that are not there or cannot be trained so."""
        from curator.runs.launch import check_models

        return check_models(recipe)

    def look_at_model(self, recipe: Recipe, *, whole: bool = False) -> list[TrainingWarning]:
        """As `check_models`, and pickles are read whole, others on request; a hub's is looked up. May take a minute."""
        from curator.runs.programs.look_at_model import look_at_model

        return look_at_model(recipe, whole=whole)

    def memory(self, recipe: Recipe, processes: int = 1) -> dict[str, Any] | None:
        """Bytes by part that each process of a run would hold, from the shapes of its model; None without PyTorch."""
        from curator.runs.programs.memory import memory_of

        return memory_of(recipe, processes)

    def preflight(self, manifest: Path, recipe: Recipe, processes: int, progress: Progress) -> dict[str, Any]:
        """Two steps at the largest bucket, a sample and a save, tried out and measured; what its run would be."""
        from curator.runs.programs.preflight import preflight

        return preflight(self.folder, manifest, recipe, processes, progress)

    def restart(self, run: RunFolder, processes: int | None = 1, *, device: str = "") -> int:
        """Go on with a run that stopped or crashed, from its last state; gives the worker's process id.

        `processes` None: as many as before. `device`: it sees no other.
        """
        from curator.contract.recipe.toml_file import load_recipe
        from curator.runs.launch import start

        pid = start(run, processes, device)
        self._upload_checkpoints(run, load_recipe(run.recipe_path))
        return pid

    @staticmethod
    def _upload_checkpoints(run: RunFolder, recipe: Recipe) -> None:
        """A run goes on whether its checkpoints can be uploaded or not."""
        if recipe.save.publish:
            from curator.publish.checkpoints import start_following

            start_following(run)

    def all(self, passed_over: PassedOver | None = None) -> list[RunSummary]:
        """The runs of the collection, newest first; `passed_over` hears of those that are damaged."""
        from curator.runs.listing import list_runs

        found = list_runs(self.folder, passed_over)
        waiting = self.queue.waiting()
        return [
            replace(run, status="queued")
            if not run.is_alive and os.path.realpath(run.path) in waiting
            else run
            for run in found
        ]

    def count(self) -> int:
        """How many runs there are, damaged ones too."""
        from curator.runs.listing import run_folders

        return len(run_folders(self.folder))

    @staticmethod
    def summary(run: RunFolder) -> RunSummary:
        """One run as the list has it."""
        from curator.runs.listing import summary_of

        return summary_of(run)

    def find(self, name: str) -> RunFolder:
        """The run of that name, or of the one that begins so: of several of one name the living, else the newest."""
        from curator.runs.listing import find_run

        return find_run(self.folder, name)

    @staticmethod
    def follow(run: RunFolder) -> Follower:
        """A reader of one run, which never touches it."""
        from curator.runs.follow import Follower

        return Follower(run)

    @staticmethod
    def view(run: RunFolder) -> RunView:
        """One run as its events tell it."""
        from curator.runs.follow import whole_view

        return whole_view(run)

    @staticmethod
    def uploads(run: RunFolder) -> list[RunView]:
        """The uploads of a run to the hub, each as its events tell it."""
        from curator.publish.upload.uploads import uploads_of

        return list(uploads_of(run))

    def wait(self, run: RunFolder, timeout_s: float | None = None) -> RunView | None:
        """The run once it is over; None where it still lives, or waits in the queue, after `timeout_s`."""
        from curator.runs.follow import wait_for_end

        return wait_for_end(run, timeout_s, lambda: self.queue.will_begin(run))

    @staticmethod
    def replay(run: RunFolder, first: int | None, steps: int | None, progress: Progress) -> dict[str, Any]:
        """Train steps of a run that is over once more, and compare: `first_difference` is None where all is equal."""
        from curator.runs.programs.replay import replay

        return replay(run, first, steps, progress)

    def request(self, run: RunFolder, action: str) -> None:
        """Ask a living run to pause, resume, save, sample, stop or suspend.

        One that was suspended is resumed where it ended: by the queue, if it has a place there, else at once.
        """
        from curator.runs.requests import request

        if action == "resume" and run.status() == "suspended":
            self.go_on(run)
        elif run.status() != "running" and self.queue.has(run):
            raise UserError(
                f"the run {run.path.name} is in the queue, and not at work",
                "hold it, release it or take it out: frieze runs queue RUN --hold, --release, --remove",
            )
        else:
            request(run, action)

    def go_on(self, run: RunFolder) -> None:
        """Have a run that is not over go on from its last state: in its turn, if it has a place in the queue."""
        if self.queue.has(run):
            self.queue.change(run, "release")
        else:
            self.restart(run, None)

    def compare(self, first: RunFolder, second: RunFolder) -> Comparison:
        """Two runs side by side: their recipes, data and losses.

        Raises:
            UserError: what one of them says of itself cannot be read.
        """
        from curator.contract.manifest.manifest import open_manifest
        from curator.freeze.diff import diff
        from curator.runs.managing.comparison import curves_of, knobs_apart, side_of

        sides = side_of(first), side_of(second)
        one, other = first.info(), second.info()
        data: ManifestDiff | None = None
        missing = ""
        if one.manifest_digest != other.manifest_digest:
            try:
                with open_manifest(Path(one.manifest)) as old, open_manifest(Path(other.manifest)) as new:
                    data = diff(old, new)
            except UserError as error:
                missing = str(error)
        return Comparison(sides, knobs_apart(first, second), data, missing, curves_of(*sides))

    @staticmethod
    def losses(run: RunFolder, count: int, least_seen: int | None = None) -> RunLosses:
        """The images of highest and lowest loss, and each subset's; of those trained often enough."""
        from curator.runs.image_losses import losses_of_run

        return losses_of_run(run, count, least_seen)

    def belongings(self, run: RunFolder) -> Belongings:
        """What would be lost with a run."""
        from curator.runs.managing.removal import belongings

        return belongings(run)

    def delete(self, run: RunFolder, *, keep_weights: bool = False) -> None:
        """Remove a run's folder, or all of it but its weights.

        Raises:
            UserError: it lives, is in the queue, or is being uploaded.
        """
        from curator.runs.managing.removal import delete_run

        self._refuse_in_use(run)
        delete_run(run, keep_weights=keep_weights)

    def rename(self, run: RunFolder, name: str) -> RunFolder:
        """Give a run and its folder another name; gives the folder."""
        from curator.runs.managing.naming import rename_run

        if any(upload.status == "running" for upload in self.uploads(run)):
            raise UserError(f"the run {run.path.name} is being uploaded", "wait until that is done")
        before = run.path.resolve()
        renamed = rename_run(run, name)
        self.queue.renamed(before, renamed)
        return renamed

    def _refuse_in_use(self, run: RunFolder) -> None:
        if self.queue.has(run) and run.status() != "running":
            raise UserError(
                f"the run {run.path.name} is in the queue",
                "take it out first: frieze runs queue RUN --remove",
            )
        if any(upload.status == "running" for upload in self.uploads(run)):
            raise UserError(f"the run {run.path.name} is being uploaded", "wait until that is done")


def _check_publishing(recipe: Recipe) -> None:
    """Refuse what could never upload its checkpoints as it says."""
    if recipe.save.publish:
        from curator.publish.checkpoints import check_publishing

        check_publishing(recipe)


def _publishes(run: RunFolder) -> bool:
    from curator.contract.recipe.toml_file import load_recipe

    return bool(load_recipe(run.recipe_path).save.publish)
