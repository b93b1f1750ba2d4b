"""`frieze runs queue`: the runs that wait for a device, listed and put in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options.options import CollectionOption, JsonOption
from curator.cli.options.places import runs_of
from curator.cli.shared.output import put_json_rows, put_table, say
from curator.cli.training.runs.queueing import RetryOption
from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.cli.schemas.managed_runs import QueuedRun
    from curator.session.training.run_queue import Job, QueueChange


def _switch(word: str, said: str) -> object:
    return typer.Option(f"--{word}", help=said)


def queue(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Run in the queue to change; default: list all."),
    ] = None,
    *,
    first: Annotated[bool, _switch("first", "Put it before the others of its device.")] = False,
    up: Annotated[bool, _switch("up", "Put it one place up.")] = False,
    down: Annotated[bool, _switch("down", "Put it one place down.")] = False,
    last: Annotated[bool, _switch("last", "Put it behind the others.")] = False,
    hold: Annotated[bool, _switch("hold", "Leave it in its place, and do not begin it.")] = False,
    release: Annotated[bool, _switch("release", "Begin it when its turn comes, on this machine.")] = False,
    remove: Annotated[bool, _switch("remove", "Take it out; its folder stays.")] = False,
    retry: RetryOption = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs of the queue in order, of all collections; or move, hold, release or take out one.

    'frieze train --queue' puts one there. Each device has one run at work; the next begins when that is over. What
    crashed, failed or was suspended is held in its place.
    """
    runs = runs_of(collection)
    given: dict[QueueChange, bool] = {
        "first": first, "up": up, "down": down, "last": last,
        "hold": hold, "release": release, "remove": remove,
    }  # fmt: skip
    wanted: list[QueueChange] = [what for what, is_asked in given.items() if is_asked]
    if run is None and (wanted or retry is not None):
        raise UserError("no run is named", "frieze runs queue RUN --first; 'frieze runs queue' lists them")
    if run is not None:
        if len(wanted) > 1 or not (wanted or retry is not None):
            words = ", ".join(f"--{word}" for word in (wanted or given))
            raise UserError(
                f"one change at a time, not {words}" if wanted else "nothing is asked of it",
                f"give one of {words}",
            )
        found = runs.queue.find(run) or runs.find(run)
        if retry is not None:
            runs.queue.retry(found, retry)
        for what in wanted:
            runs.queue.change(found, what)
    jobs = runs.queue.jobs()
    if as_json:
        put_json_rows(map(job_json, jobs))
        return
    if not jobs:
        say("the queue is empty")
        return
    put_table(
        [
            (job.folder.path.name, job.device, job.state, f"{job.tries}/{job.retries + 1}", _why(job))
            for job in jobs
        ],
        ("name", "device", "state", "tries", "why"),
    )


def _why(job: Job) -> str:
    return job.why if job.is_here else f"on {job.host}" + (f": {job.why}" if job.why else "")


def job_json(job: Job) -> QueuedRun:
    """A run's line in the queue."""
    return {
        "run": job.folder.path.name,
        "path": job.run,
        "device": job.device,
        "host": job.host,
        "state": job.state,
        "reason": job.why or None,
        "tries": job.tries,
        "retries": job.retries,
        "processes": job.processes or 1,
        "created_at": job.added_at,
    }
