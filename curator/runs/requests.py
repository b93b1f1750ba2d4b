"""Requests to a living run: which of them it can still heed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.run.event_log import read_events
from curator.contract.run.events import Paused, RequestTaken, Resumed, RunEnded, RunStarted

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder


def request(run: RunFolder, action: str) -> None:
    """Ask a run to pause, resume, save, sample, stop, or save its state and end ("suspend").

    Raises:
        UserError: it is stopping, is not paused, has no worker to hear it, or ended meanwhile.
    """
    name = run.path.name
    if run.status() == "running":
        asked = _asked(run)
        if action != "stop" and asked & {"stop", "suspend"}:
            raise UserError(
                f"the run {name} is stopping", "wait until it has, then start it again from its state"
            )
        if action == "resume" and "pause" not in asked:
            raise UserError(f"the run {name} is not paused", "it goes on by itself")
    run.request(action)
    if run.status() != "running" and action in run.take_requests():  # nobody is left to say so
        raise UserError(
            f"the run {name} ended just before it could be asked to {action}",
            "start it again with 'frieze train --resume'",
        )


def _asked(run: RunFolder) -> set[str]:
    """What the worker that lives was asked for and has not left behind."""
    asked: set[str] = set()
    for event in read_events(run.events_path)[0]:
        match event:
            case RunStarted() | RunEnded():
                asked.clear()
            case RequestTaken(action=action):
                asked.add(action)
            case Paused():
                asked.add("pause")
            case Resumed():
                asked.discard("pause")
            case _:
                pass
    return asked | set(run.requests())
