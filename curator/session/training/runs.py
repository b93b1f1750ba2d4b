"""Runs of a collection: started, listed, asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.recipe.checks import TrainingWarning
    from curator.contract.recipe.recipe import Recipe
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.fold import RunView
    from curator.runs.follow import Follower
    from curator.runs.listing import PassedOver, RunSummary


class Runs:
    """Runs of a collection, or of another `folder`: started, listed, asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def launch(self, manifest: Path, recipe: Recipe, name: str, processes: int = 1) -> RunFolder:
        """Start a training of `manifest` that lives on when this program ends."""
        from curator.runs.launch import start_new

        return start_new(self.folder, manifest, recipe, name, processes)

    def check_models(self, recipe: Recipe) -> list[TrainingWarning]:
        """What is doubtful in a recipe's models; refuses those that are not there or cannot be trained so."""
        from curator.runs.launch import check_models

        return check_models(recipe)

    def look_at_model(self, recipe: Recipe, *, whole: bool = False) -> list[TrainingWarning]:
        """As `check_models`, and pickles are read whole, others on request; a hub's is looked up. May take a minute."""
        from curator.runs.look_at_model import look_at_model

        return look_at_model(recipe, whole=whole)

    def memory(self, recipe: Recipe) -> dict[str, Any] | None:
        """Bytes by part that a run of `recipe` would hold, from the shapes of its model; None without PyTorch."""
        from curator.runs.memory import memory_of

        return memory_of(recipe)

    def restart(self, run: RunFolder, processes: int | None = 1) -> int:
        """Go on with a run that stopped or crashed, from its last state; gives the worker's process id.

        `processes` None: as many as before.
        """
        from curator.runs.launch import start

        return start(run, processes)

    def all(self, passed_over: PassedOver | None = None) -> list[RunSummary]:
        """The runs of the collection, newest first; `passed_over` hears of those that are damaged."""
        from curator.runs.listing import list_runs

        return list_runs(self.folder, passed_over)

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
        from curator.runs.follow import Follower

        follower = Follower(run)
        view = follower.poll()
        while follower.is_behind:
            view = follower.poll()
        return view

    @staticmethod
    def wait(run: RunFolder, timeout_s: float | None = None) -> RunView | None:
        """The run once it is over; None where it still lives after `timeout_s`."""
        from curator.runs.follow import wait_for_end

        return wait_for_end(run, timeout_s)

    def request(self, run: RunFolder, action: str) -> None:
        """Ask a living run to pause, resume, save, sample or stop."""
        from curator.runs.requests import request

        request(run, action)
