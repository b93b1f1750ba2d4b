"""The keeper of the queue: begins each job when its device is free, and ends when there is nothing left to begin.

It is a process of its own that outlives the terminal. Runs do not depend on it: killed, they go on, and the next
command starts another keeper, which finds them at work. One lives at a time, by a lock.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError
from curator.contract.locations import LOG
from curator.contract.run.at_work import AtWork, trainings_at_work
from curator.runs.follow import whole_view
from curator.runs.queue.devices import devices_of
from curator.runs.queue.jobs import Job, Queue, this_host

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder

PROGRAM: Sequence[str] = ("-m", "curator.session.training.queue_keeper")
_LOOK_S = 0.5
_PATIENCE_S = 10.0  # who only looks may be held up by a busy machine
Begin = Callable[[Job], object]


def wake(queue: Queue) -> bool:
    """Start a keeper where there is something to keep and none lives; whether one was started.

    Raises:
        UserError: it cannot be started.
    """
    if not any(job.is_here and job.state != "held" for job in queue.jobs()):
        return False
    lock = _taken(queue.folder, 0.0)
    if lock is None:
        return False
    os.close(lock)
    environment = os.environ | {"PYTHONSAFEPATH": "1"}
    try:
        with (queue.folder / LOG).open("ab") as log:
            subprocess.Popen(
                [sys.executable, *PROGRAM, str(queue.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment,
            )  # fmt: skip
    except OSError as error:
        raise UserError(
            f"the keeper of the queue cannot be started: {error.strerror}", "free space or check rights"
        ) from error
    return True


def keep(queue: Queue, begin: Begin) -> bool:
    """Keep the queue until nothing is left to begin or to watch; False where another keeper lives."""
    lock = _taken(queue.folder, _PATIENCE_S)
    if lock is None:
        return False
    try:
        _return_unstarted(queue)
        while True:
            with queue.changing() as jobs:
                settle(jobs)
                ready = next_jobs(jobs, trainings_at_work())
                if not any(job.is_here and job.state != "held" for job in jobs):
                    os.close(
                        lock
                    )  # while the queue is locked: who adds a job now finds no keeper, and starts one
                    lock = None
                    return True
            for job in ready:
                _begin(queue, job, begin)
            time.sleep(_LOOK_S)
    finally:
        if lock is not None:
            os.close(lock)


def settle(jobs: list[Job]) -> None:
    """See what became of each run of this machine; what is over leaves the list, or is held with the reason."""
    jobs[:] = [after for job in jobs if (after := _settled(job) if job.is_here else job) is not None]


def next_jobs(jobs: list[Job], at_work: Sequence[AtWork] = ()) -> list[Job]:
    """Mark those that may begin now: an earlier job keeps its devices, also while it waits for another of them.

    Trainings `at_work` keep theirs too, whoever began them.
    """
    taken = {device for job in jobs if job.is_here and job.is_busy for device in devices_of(job.device)}
    others = {device: Path(each.run).name for each in at_work for device in devices_of(each.devices)}
    ready: list[Job] = []
    for at, job in enumerate(jobs):
        if not job.is_here or job.state != "waiting":
            continue
        mine = devices_of(job.device)
        ahead = sorted(mine & (others.keys() - taken))
        why = f"{others[ahead[0]]} is at work on {ahead[0]}" if ahead else ""
        if ahead or mine & taken:
            jobs[at] = replace(job, why=why)
        else:
            last = job.newest_worker
            jobs[at] = replace(job, state="starting", tries=job.tries + 1, last_worker=last, why=why)
            ready.append(jobs[at])
        taken |= mine
    return ready


def _settled(job: Job) -> Job | None:
    run = job.folder
    if not run.info_path.is_file():
        return None  # deleted
    status = run.status()
    if status == "running":
        return replace(job, state="working", why="")
    if status == "finished":
        return None
    if job.state != "working":
        return job
    if status == "stopped":
        return None
    if status == "suspended":
        return replace(job, state="held", why="suspended")
    return _after_crash(job, "it crashed" if status == "crashed" else _reason(run))


def _reason(run: RunFolder) -> str:
    """Why a run failed, as it told; the same as where it failed before whoever began it had seen it at work."""
    failure = whole_view(run).failure
    return str(UserError(failure.what, failure.hint)) if failure else "it failed: see 'frieze runs show'"


def _after_crash(job: Job, why: str) -> Job:
    if job.tries <= job.retries:
        return replace(job, state="waiting", why="")
    return replace(job, state="held", why=why)


def _begin(queue: Queue, job: Job, begin: Begin) -> None:
    """Begin one job; what hinders it is said in the queue."""
    after = replace(job, state="working")
    try:
        begin(job)
    except UserError as error:
        if job.folder.status() != "running":
            after = _after_crash(job, str(error))
    with suppress(UserError):  # removed meanwhile: the run's own folder says how it is
        queue.change(job.folder, lambda now: replace(after, retries=now.retries))


def _return_unstarted(queue: Queue) -> None:
    """What a keeper that was killed meant to begin waits again, and its try does not count; unless it did begin."""
    with queue.changing() as jobs:
        jobs[:] = [_returned(job) if job.is_here and job.state == "starting" else job for job in jobs]


def _returned(job: Job) -> Job:
    if job.newest_worker != job.last_worker:
        return replace(job, state="working")  # it may be over already: whoever stopped it wants no other try
    return replace(job, state="waiting", tries=max(job.tries - 1, 0))


def _taken(folder: Path, patience_s: float) -> int | None:
    """The keeper's lock, or None where another has it. Who only looks holds it for an instant."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / f"keeper-{this_host()}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(0.01)
        else:
            return lock


def main(arguments: Sequence[str], begin: Begin) -> int:
    """The life of a keeper, in the queue's folder that the one argument names."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    keep(Queue(Path(arguments[0])), begin)
    return 0
