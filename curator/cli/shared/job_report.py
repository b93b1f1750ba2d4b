"""A job of a tag model on the command line: watched, and told as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.cli.shared.output import progress_shown, say
from curator.contract.errors import ExitCode, UserError
from curator.contract.locations import LOG
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.models import FailedImage, JobRow
    from curator.contract.run.run_folder import RunFolder
    from curator.session.images.proposals import JobView
    from curator.session.session import Session


def watch_job(session: Session, job: RunFolder) -> JobView:
    """Show how far a job is until it is over, and bring its answers in; the last view, which `tell_end` judges.

    Raises:
        KeyboardInterrupt: with the words that say how to come back.
    """
    name = job.path.name
    view = None
    try:
        with progress_shown("look") as show:
            for view in session.proposals.follow(job).until_over():
                show(view.done, view.total)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"\nthe job goes on; come back with: frieze jobs follow {name}\nstop it with: frieze jobs stop {name}"
        ) from None
    finally:
        damaged = session.proposals.collect().damaged
    for sentence in damaged:
        say(sentence)
    assert view is not None  # `until_over` gives one at least
    return view


def tell_end(view: JobView) -> None:
    """Say what a job could not do.

    Raises:
        UserError: it failed, crashed or was stopped.
    """
    name = view.name
    for path, reason in view.failed:
        say(f"not usable: {path}: {reason}")
    for sentence in view.warnings:
        say(sentence)
    again = f"go on with: frieze jobs resume {name}"
    if view.status == "failed":
        raise view.failure or UserError(f"the job {name} failed", again, ExitCode.RUN_FAILED)
    if view.status == "crashed":
        what = f"the job {name} crashed after {counted(view.done)}"
        raise UserError(what, f"look into its {LOG}; {again}", ExitCode.RUN_FAILED)
    if view.status == "stopped":
        raise UserError(f"the job {name} was stopped after {counted(view.done)}", again, ExitCode.RUN_STOPPED)


def failed_images(view: JobView) -> list[FailedImage]:
    """The images that could not be used, as scripts get them."""
    return [{"path": path, "reason": reason} for path, reason in view.failed]


def job_row(view: JobView) -> JobRow:
    """What scripts get of a job."""
    return {
        "job": view.name,
        "status": view.status,
        "model": view.model,
        "provider": view.device or None,
        "images": view.total,
        "done": view.done,
        "failed": failed_images(view),
        "images_per_s": view.images_per_s,
        "seconds_left": view.eta_s,
    }
