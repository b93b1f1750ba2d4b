"""Checkpoints of a run uploaded while it trains, as its recipe says: a process of its own, which only reads the run.

Whatever becomes of an upload, the run goes on; it is told in the upload's own events. What failed is tried once more
when the run is over.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from curator.contract import locations
from curator.contract.errors import ExitCode, UserError
from curator.contract.progress import silent
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.event_log import EventLog
from curator.contract.run.events import CheckpointSaved, Warned
from curator.contract.run.process_identity import identity_of, is_alive
from curator.contract.run.run_folder import RunFolder
from curator.publish.choices import MAIN, CardChoices, Target
from curator.publish.publication import WORKER, existing_card, prepare, stage, start
from curator.publish.subject import subject_of_file
from curator.publish.upload.hub import check_names, opened_hub
from curator.publish.upload.job import upload_folder
from curator.runs.follow import Follower, wait_for_end, whole_view
from curator.runs.worker_process import begin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from curator.contract.recipe.recipe import Recipe, Save

_LOOK_S = 0.5


def check_publishing(recipe: Recipe) -> None:
    """Whether checkpoints can be uploaded as the recipe says, before the run starts; nothing is sent.

    Raises:
        UserError: no repository can be named so, the hub's library is not there, or there is no token.
    """
    if recipe.save.publish:
        check_names(recipe.save.publish, MAIN)
        opened_hub()


def start_following(run: RunFolder, beside: int | None = None) -> None:
    """Start the process that uploads the checkpoints of a run; where it does not begin, its uploads tell that.

    `beside` is the process of a run that may begin yet: it is followed until that process is gone.
    """
    while_it_lives = () if beside is None else (str(beside),)
    home = RunFolder(run.path / locations.PUBLISH)
    try:
        home.path.mkdir(exist_ok=True)
        if home.status() != "running":
            home.take_requests()
            begin(home, (*WORKER, "--follow", *while_it_lives), 1, "the upload of checkpoints")
    except (UserError, OSError) as error:
        repo = load_recipe(run.recipe_path).save.publish
        _tell(upload_folder(Path(), run, repo, MAIN), "checkpoints are not uploaded", error)


def train_with_uploads(run: RunFolder) -> NoReturn:
    """Become the trainer of `run`, one process of several; the first of all has its checkpoints uploaded."""
    if os.environ.get("RANK", "0") == "0":  # set by torchrun, and read again by the trainer
        start_following(run, os.getpid())
    os.execv(sys.executable, [sys.executable, "-m", "train", str(run.path)])  # noqa: S606 (no shell)


def follow(home: RunFolder, beside: int | None = None) -> int:
    """Upload each checkpoint as it comes, until the run is over; `home` is the run's folder of uploads.

    Where it may not have begun, or goes on later, it is over no sooner than the process `beside` is gone.
    """
    run = RunFolder(home.path.parent)
    lives = _living(beside)
    try:
        with home.hold():
            failed = _follow(run, load_recipe(run.recipe_path).save, lives)
            home.finish("failed" if failed else "finished", 0)
            return ExitCode.RUN_FAILED if failed else ExitCode.DONE
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return error.code


def _living(process: int | None) -> Callable[[], bool]:
    who = identity_of(process) if process is not None else None
    return lambda: who is not None and is_alive(who)


def _follow(run: RunFolder, knobs: Save, lives: Callable[[], bool]) -> Sequence[CheckpointSaved]:
    """What could not be uploaded."""
    folder = upload_folder(Path(), run, knobs.publish, MAIN)
    done = _uploaded_at(folder)
    follower = Follower(run)
    failed: dict[str, CheckpointSaved] = {}
    while True:
        is_left = not lives()  # looked at first: what it leaves behind is read below
        follower.poll()
        for event in follower.news:
            if isinstance(event, CheckpointSaved) and event.at > done.get(Path(event.path).name, 0.0):
                failed.pop(event.path, None)
                if not _upload(run, event, knobs, folder):
                    failed[event.path] = event
        if is_left and follower.is_over:
            return [event for event in failed.values() if not _upload(run, event, knobs, folder)]
        if not follower.is_behind:
            time.sleep(_LOOK_S)


def _uploaded_at(folder: RunFolder) -> dict[str, float]:
    """When each file was uploaded last, in seconds since 1970."""
    return {each.path: each.at for each in whole_view(folder).uploads}


def _upload(run: RunFolder, event: CheckpointSaved, knobs: Save, folder: RunFolder) -> bool:
    """Whether it is on the hub now, or is no more: the recipe may keep but the newest."""
    weights = run.path / event.path
    if not weights.exists():
        return True
    try:
        if not weights.is_file():
            raise UserError(f"{event.path} is a folder", "single files are uploaded: full.format = 'file'")
        target = Target(
            knobs.publish, MAIN, knobs.publish_public, knobs.publish_state and any(run.state_dir.iterdir())
        )
        publication = prepare(subject_of_file(weights), CardChoices(), target, existing_card(target, None))
        start(stage(publication, silent))
    except (UserError, OSError) as error:
        _tell(folder, f"{event.path} was not uploaded", error)
        return False
    view = wait_for_end(folder)
    return view is not None and view.status == "finished"


def _tell(folder: RunFolder, what: str, error: UserError | OSError) -> None:
    why, hint = (error.what, error.hint) if isinstance(error, UserError) else (str(error), "check the disk")
    folder.path.mkdir(parents=True, exist_ok=True)
    EventLog(folder.events_path).write(Warned(time.time(), f"{what}: {why}", f"{hint}; the run goes on"))
