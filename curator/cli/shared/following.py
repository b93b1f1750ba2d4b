"""A run watched from the command line: a live dashboard on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from curator.cli.shared.output import is_quiet, put, say, stdout_console, warn
from curator.contract.errors import ExitCode, UserError
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.contract.run.events import Event
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.fold import RunView
    from curator.session.training.runs import Follower

_LOOK_S = 0.5
_FOOTER = "Ctrl-C leaves this dashboard; the run goes on"


def follow(run: RunFolder, *, as_json: bool = False) -> RunView:
    """Watch `run` until it is over, or until Ctrl-C, which leaves it alone. As JSON its events come, one a line.

    Raises:
        KeyboardInterrupt: with the words that say how to come back.
    """
    from curator.contract.run.events import to_line
    from curator.runs.report import PlainReport
    from curator.session.training.runs import Runs

    follower = Runs.follow(run)
    try:
        if as_json:
            _report(follower, lambda events: map(to_line, events))
        elif is_quiet():
            _report(follower, lambda _: ())
        elif sys.stdout.isatty():
            _watch(follower)
        else:
            _report(follower, PlainReport().lines)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(left(run)) from None
    return follower.view


def left(run: RunFolder) -> str:
    """What is said to somebody who leaves a living run."""
    name = visible(run.path.name)
    return (
        f"\nthe run goes on; come back with: frieze runs follow {name}\nstop it with: frieze runs stop {name}"
    )


def _watch(follower: Follower) -> None:
    from rich.live import Live

    from curator.runs.drawing.dashboard import Dashboard

    console = stdout_console()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            view, is_over = _looked(follower)
            height = console.height - 1  # a full screen would scroll with every refresh
            live.update(Dashboard(view, "" if is_over else _FOOTER, height), refresh=True)
            if is_over:
                return
            time.sleep(_LOOK_S)


def _looked(follower: Follower) -> tuple[RunView, bool]:
    """The run as it is now, and whether nothing more will come: one in the queue is to begin yet, or once more."""
    from curator.session.training.run_queue import RunQueue

    will_begin = RunQueue().will_begin(follower.run)  # first: what begins meanwhile is seen by the next look
    view = follower.poll()
    return view, follower.is_over and not will_begin


def _report(follower: Follower, lines: Callable[[Sequence[Event]], Iterable[str]]) -> None:
    while True:
        view, is_over = _looked(follower)
        for line in lines(follower.news):
            put(line)
        sys.stdout.flush()
        if is_over:
            if view.damaged_lines:
                warn(f"damaged lines of the event log, passed over: {view.damaged_lines}")
            return
        time.sleep(_LOOK_S)


def tell_end(run: RunFolder, view: RunView) -> None:
    """Say how a run that is over ended, and which uploads of it failed.

    Raises:
        UserError: it failed, crashed, was stopped, or never began.
    """
    from curator.session.training.runs import Runs

    name = run.path.name
    for upload in Runs.uploads(run):
        if upload.failure is not None:
            warn(f"upload to {upload.device}: {upload.failure.what}: {upload.failure.hint}")
    if view.status == "failed":
        what, hint = view.failure or ("the run failed", f"look into {run.log_path}")
        raise UserError(what, hint, ExitCode.RUN_FAILED)
    if view.status == "crashed":
        raise UserError(
            f"the run {name} crashed after step {view.step}",
            f"look into {run.log_path}; go on with: frieze train --resume {name}",
            ExitCode.RUN_FAILED,
        )
    if view.status == "stopped":
        hint = f"go on with: frieze train --resume {name}"
        raise UserError(f"the run {name} was stopped after step {view.step}", hint, ExitCode.RUN_STOPPED)
    if view.status == "suspended":
        hint = f"go on with: frieze runs resume {name}"
        raise UserError(f"the run {name} was suspended after step {view.step}", hint, ExitCode.RUN_STOPPED)
    if view.status == "new":
        raise UserError(f"the run {name} was never started", f"start it with: frieze train --resume {name}")
    say(f"the run {name} is finished; its files are in {run.output_dir}")
