"""`frieze jobs`: jobs of tag models listed, followed, stopped and resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import opened
from curator.cli.shared.job_report import job_row, tell_end, watch_job
from curator.cli.shared.output import put_json, put_json_rows, put_table, tell
from curator.cli.shared.typer_apps import noun
from curator.contract.text import counted

if TYPE_CHECKING:
    from curator.cli.schemas.models import JobReport, JobRequest
    from curator.session.images.proposals import JobView

app = noun("List, follow, stop and resume jobs of tag models.")
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="Name of the job or of its model: of several the newest.")
]


@app.command("list")
def list_jobs(collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """List the jobs, oldest first."""
    with opened(collection) as session:
        views = [session.proposals.view(job) for job in session.proposals.jobs()]
    if as_json:
        put_json_rows(map(job_row, views))
        return
    rows = [
        (view.name, view.status, view.model, f"{view.done}/{view.total}", view.device, _speed(view))
        for view in views
    ]
    put_table(rows, ("name", "status", "model", "done", "on", "images/s"))


@app.command()
def follow(job: JobArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Follow a job to its end and bring its answers in; Ctrl-C leaves it at work."""
    with opened(collection) as session:
        view = watch_job(session, session.proposals.find_job(job))
    if as_json:
        report: JobReport = {"schema": "frieze/job/1", **job_row(view)}
        put_json(report)
    tell_end(view)
    if not as_json:
        speed = f", {_speed(view)} images/s" if view.images_per_s else ""
        tell(f"{view.done:,} of {counted(view.total)} on {view.device}{speed}")


def _speed(view: JobView) -> str:
    return f"{view.images_per_s:.1f}" if view.images_per_s else ""


@app.command()
def stop(job: JobArgument, collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Ask a job to stop after the batch it is at; what it has answered is kept."""
    with opened(collection) as session:
        found = session.proposals.find_job(job)
        session.proposals.stop(found)
    _put_request(found.path.name, "stop", as_json)


@app.command()
def resume(
    job: JobArgument,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, help="So many share the images.")
    ] = 1,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a job that was stopped or crashed, where it was."""
    with opened(collection) as session:
        found = session.proposals.find_job(job)
        session.proposals.resume(found, processes)
    _put_request(found.path.name, "resume", as_json)


def _put_request(job: str, action: str, as_json: bool) -> None:
    if as_json:
        report: JobRequest = {"schema": "frieze/job-request/1", "job": job, "action": action}
        put_json(report)
    else:
        tell(f"asked {job} to {action}")
