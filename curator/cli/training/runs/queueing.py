"""Runs put in the queue, as `frieze train --queue` does: its options, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.shared.output import put, put_json, say
from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.cli.schemas.managed_runs import RunPlace
    from curator.contract.run.run_folder import RunFolder
    from curator.session.training.run_queue import Queued
    from curator.session.training.runs import Runs

RetryOption = Annotated[
    int | None,
    typer.Option(
        "--retry",
        metavar="N",
        min=0,
        help="Begin it again up to N times after a crash or failure; default: 0, it is held then.",
    ),
]


def queued_of(is_queued: bool, device: str, retry: int | None, processes: int | None) -> Queued | None:
    """How a run is to wait, if it is.

    Raises:
        UserError: what is for the queue is given without it.
    """
    from curator.session.training.run_queue import Queued

    if is_queued:
        return Queued(device, retry or 0, processes)
    if device or retry is not None:
        raise UserError(f"{'--device' if device else '--retry'} is for a run in the queue", "add --queue")
    return None


def put_place(runs: Runs, run: RunFolder, as_json: bool) -> None:
    """Where a run that was queued stands among those of its device."""
    jobs = runs.queue.jobs()
    job = next((each for each in jobs if each.folder.path.samefile(run.path)), None)
    device = job.device if job else ""
    place = [each.run for each in jobs if each.device == device].index(job.run) + 1 if job else 0
    if as_json:
        report: RunPlace = {
            "schema": "frieze/run-place/1",
            "run": run.path.name,
            "path": str(run.path.absolute()),
            "device": device,
            "place": place,
        }
        put_json(report)
        return
    put(str(run.path))
    say(
        f"number {place} in the queue of {device}; see 'frieze runs queue'"
        if job
        else "it has begun and is over"
    )
