"""Publishing: models and runs to the Hugging Face hub, states back from it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.contract.run.run_folder import RunFolder
    from curator.publish.choices import CardChoices, Target
    from curator.publish.publication import Publication
    from curator.publish.state import FetchedState
    from curator.publish.subject import Subject
    from curator.runs.fold import RunView
    from curator.session.training.runs import Runs

_LOOK_S = 0.2


def subject_named(name: str, checkpoint: str, runs: Runs) -> Subject:
    """The model file, or the weights of the run, that `name` means.

    Raises:
        UserError: there is neither, or the run has no such weights.
    """
    from curator.publish.subject import subject_of_file, subject_of_run

    path = Path(name)
    if path.is_file():
        if checkpoint:
            raise UserError("--checkpoint names weights of a run", "give the run instead of a file")
        return subject_of_file(path)
    if path.suffix == ".safetensors":
        raise UserError(f"there is no model file {name}", "give a .safetensors file, or a run's name")
    return subject_of_run(runs.find(name), checkpoint)


def plan_publication(
    subject: Subject, choices: CardChoices, target: Target, card: Path | None, *, rewrite: bool, is_dry: bool
) -> Publication:
    """What would be uploaded, and its card, merged into `card` or the one on the hub.

    A dry run goes on where the hub cannot be asked, and says so.

    Raises:
        UserError: a name that cannot be, no token, or the hub does not answer or refuses the token.
    """
    from curator.publish.publication import existing_card, prepare
    from curator.publish.upload.hub import check_names, opened_hub, tried

    check_names(target.repo, target.revision)
    unasked: tuple[str, ...] = ()
    existing = None
    if not is_dry:
        api = opened_hub()
        tried("the look at the token", target.repo, api.whoami)
    try:
        existing = existing_card(target, card)
    except UserError as error:
        if not is_dry or card is not None:
            raise
        unasked = (
            f"the hub was not asked for its card ({error.what}): this is the card of a new repository",
        )
    publication = prepare(subject, choices, target, existing, rewrite=rewrite)
    return replace(publication, doubts=(*publication.doubts, *unasked))


def upload(publication: Publication, progress: Progress) -> RunFolder:
    """Stage what is uploaded, which `progress` hears of, and start the upload in the background."""
    from curator.publish.publication import stage, start

    folder = stage(publication, progress)
    start(folder)
    return folder


def until_uploaded(folder: RunFolder, progress: Progress) -> RunView:
    """The upload once it is over; `progress` hears of bytes."""
    from curator.runs.follow import Follower

    follower = Follower(folder)
    while True:
        view = follower.poll()
        if view.phase_total:
            progress(view.phase_done, view.phase_total)
        if follower.is_over:
            return view
        if not follower.is_behind:
            time.sleep(_LOOK_S)


def stop_upload(subject: Subject, target: Target) -> None:
    """Ask a running upload to stop after the file it is at; what is on the hub is not sent again.

    Raises:
        UserError: none is running.
    """
    from curator.publish.upload.hub import check_names
    from curator.publish.upload.job import upload_folder

    check_names(target.repo, target.revision)
    folder = upload_folder(subject.weights, subject.run, target.repo, target.revision)
    if folder.status() != "running":
        raise UserError(f"nothing is being uploaded to {target.repo}", "publish it")
    folder.request("stop")


def fetch_state(
    repo: str, revision: str, runs: Path, manifests: Path, progress: Progress, *, model: str = ""
) -> FetchedState:
    """Make a run of the state that a repository holds."""
    from curator.publish import state

    return state.fetch_state(repo, revision, runs, manifests, progress, model=model)
