"""The queue of runs: one small file for a user, below `$XDG_STATE_HOME/frieze/queue`, that any login may change.

A job is a run's folder, made when it was queued: no name takes another's place. Who changes the file holds a lock and
writes it whole. Jobs keep their order; each device works on one at a time.
"""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from curator.contract import locations
from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, read_object, to_json
from curator.contract.files.whole_files import replace_file
from curator.contract.run.run_folder import RunFolder
from curator.runs.queue.devices import devices_of

JobState = Literal["waiting", "starting", "working", "held"]
Move = Literal["first", "up", "down", "last"]
_VERSION = 1


@dataclass(frozen=True)
class Job:
    """One run in the queue of the machine called `host`.

    It was begun `tries` times, and is begun again up to `retries` times after a crash; `why` it is held, in words.
    `last_worker` is who worked on the run before it was begun: another one there tells that it did begin.
    """

    run: str
    device: str
    host: str
    added_at: str
    processes: int | None = None
    retries: int = 0
    tries: int = 0
    state: JobState = "waiting"
    why: str = ""
    last_worker: str = ""

    @property
    def folder(self) -> RunFolder:
        return RunFolder(Path(self.run))

    @property
    def is_here(self) -> bool:
        """Whether it is this machine's to do: several may share a home folder."""
        return self.host == this_host()

    @property
    def newest_worker(self) -> str:
        """Who worked on its run last, alive or not, as one word; "" where nobody did."""
        worker = self.folder.worker()
        return f"{worker.pid}-{worker.started}-{worker.boot}" if worker else ""

    @property
    def is_busy(self) -> bool:
        """Whether its run is at work, or about to be."""
        return self.state in ("starting", "working")


class Queue:
    """The jobs, in order. `changing` is how every change is made."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or locations.state_folder() / locations.QUEUE
        self._file = self.folder / locations.QUEUED_JOBS

    def jobs(self) -> list[Job]:
        """The jobs as they stand.

        Raises:
            UserError: the file is damaged, or of a newer version.
        """
        try:
            about = read_object(self._file)
            if about.get("version") != _VERSION:
                raise ValueError(f"version {about.get('version')}")
            return [_job(each) for each in _list(about.get("jobs"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise UserError(
                f"the queue {self._file} cannot be read: {error}",
                "mend the file, or move it away: the runs' folders are untouched",
            ) from error

    @contextmanager
    def changing(self) -> Generator[list[Job]]:
        """The jobs as a list to change; what it is at the end is written, unless an error leaves it.

        Raises:
            UserError: it cannot be read, or not be written.
        """
        with _locked(self.folder / "queue.lock"):
            jobs = self.jobs()
            before = list(jobs)
            yield jobs
            if jobs != before:
                about: dict[str, Any] = {"version": _VERSION, "jobs": [asdict(job) for job in jobs]}
                try:
                    replace_file(self._file, f"{to_json(about, indent=1)}\n".encode())
                except OSError as error:
                    raise _no_queue(self.folder, error) from error

    def add(self, job: Job) -> None:
        """Put a job at the end.

        Raises:
            UserError: its run is in the queue already.
        """
        with self.changing() as jobs:
            if any(each.run == job.run for each in jobs):
                raise UserError(
                    f"the run {job.folder.path.name} is in the queue already", "see 'frieze runs queue'"
                )
            jobs.append(job)

    def change(self, run: RunFolder, change: Callable[[Job], Job]) -> Job:
        """Change the job of a run; what it is then."""
        with self.changing() as jobs:
            at = _place(jobs, run)
            jobs[at] = change(jobs[at])
            return jobs[at]

    def hold(self, run: RunFolder) -> Job:
        """Leave a job where it stands and do not begin it; others overtake it."""

        def held(job: Job) -> Job:
            return replace(_idle(job), state="held", why="asked to")

        return self.change(run, held)

    def release(self, run: RunFolder) -> Job:
        """Let a held job be begun again, here, with all its retries left."""

        def released(job: Job) -> Job:
            return job if job.is_busy else replace(job, state="waiting", why="", tries=0, host=this_host())

        return self.change(run, released)

    def remove(self, run: RunFolder) -> None:
        """Take a job out; its run's folder stays."""
        with self.changing() as jobs:
            at = _place(jobs, run)
            _idle(jobs[at])
            del jobs[at]

    def move(self, run: RunFolder, where: Move) -> None:
        """Change a job's place among those that share a device with it."""
        with self.changing() as jobs:
            at = _place(jobs, run)
            job = jobs[at]
            mine = devices_of(job.device)
            others = [place for place, each in enumerate(jobs)
                      if place != at and each.host == job.host and mine & devices_of(each.device)]  # fmt: skip
            before, behind = [each for each in others if each < at], [each for each in others if each > at]
            to = {"first": before[:1], "up": before[-1:], "down": behind[:1], "last": behind[-1:]}[where]
            if to:
                jobs.insert(to[0], jobs.pop(at))

    def has(self, run: RunFolder) -> bool:
        """Whether a run is in the queue."""
        return any(job.run == _named(run) for job in self.jobs())

    def renamed(self, before: Path, now: RunFolder) -> None:
        """Follow a run's folder, which was at `before`, to its new name."""
        if any(job.run == str(before) for job in self.jobs()):
            with self.changing() as jobs:
                jobs[:] = [replace(job, run=_named(now)) if job.run == str(before) else job for job in jobs]


def job_of(run: RunFolder, device: str, added_at: str, *, processes: int | None, retries: int) -> Job:
    """A job for this machine."""
    return Job(_named(run), device, this_host(), added_at, processes, retries)


def this_host() -> str:
    """This machine's name."""
    return platform.node()


def _named(run: RunFolder) -> str:
    return os.path.realpath(run.path)


def _place(jobs: list[Job], run: RunFolder) -> int:
    for at, job in enumerate(jobs):
        if job.run == _named(run):
            return at
    raise UserError(
        f"the run {run.path.name} is not in the queue",
        "put it there with 'frieze train --resume RUN --queue'",
    )


def _idle(job: Job) -> Job:
    if job.is_busy:
        raise UserError(
            f"the run {job.folder.path.name} is at work",
            "stop it with 'frieze runs stop', or 'frieze runs pause --free' keeps its place",
        )
    return job


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("it has no jobs")
    return value


def _job(about: object) -> Job:
    if not isinstance(about, dict):
        raise ValueError("a job is no object")
    return checked(Job, about, passes_over=True)


@contextmanager
def _locked(path: Path) -> Generator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _no_queue(path.parent, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _no_queue(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"the queue in {folder} cannot be written: {error.strerror}", "free space or check rights"
    )
