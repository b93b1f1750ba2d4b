"""Jobs of tag models: started, listed, watched. A job has a worker, events and requests as a run has."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from curator.contract.errors import ExitCode, UserError, did_you_mean
from curator.contract.run.events import Event, Progress, RunStarted
from curator.contract.run.run_folder import RunFolder, Status
from curator.contract.tagging.job import JOB, ImageEntry, TaggingJob, read_job, write_job
from curator.runs.follow import Follower
from curator.runs.worker_process import begin

WORKER: Sequence[str] = ("-m", "tag_models")
_LOOK_S = 0.2


@dataclass(frozen=True)
class JobView:
    """A job at one moment. `done` of `total` images are answered, `failed` could not be used (path and why)."""

    name: str
    status: Status
    model: str
    device: str
    done: int
    total: int
    failed: tuple[tuple[str, str], ...] = ()
    images_per_s: float | None = None
    warnings: tuple[str, ...] = ()
    failure: UserError | None = None

    @property
    def eta_s(self) -> float | None:
        """Seconds left at the present speed."""
        if not self.images_per_s or self.status != "running":
            return None
        return max(self.total - self.done - len(self.failed), 0) / self.images_per_s


def start_job(parent: Path, job: TaggingJob, images: Iterable[ImageEntry], processes: int = 1) -> RunFolder:
    """Make a job below `parent` and start its worker.

    Raises:
        UserError: the folder cannot be written, or the worker did not begin.
    """
    folder = _fresh(parent, f"{datetime.now().astimezone():%Y-%m-%d}-{job.model}")
    try:
        write_job(folder, job, images)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise _no_job(parent, error) from error
        raise
    run = RunFolder(folder)
    begin(run, WORKER, processes, "the tag model")
    return run


def restart_job(run: RunFolder, processes: int = 1) -> int:
    """Go on with a job that was stopped or crashed; gives the worker's process id.

    Raises:
        UserError: it is running or finished, or the worker did not begin.
    """
    status = run.status()
    if status in ("running", "finished"):
        raise UserError(f"the job {run.path.name} is {status}", "ask anew for images without proposals")
    return begin(run, WORKER, processes, "the tag model")


def job_folders(parent: Path) -> list[RunFolder]:
    """The jobs below `parent`, oldest first."""
    return [RunFolder(file.parent) for file in sorted(parent.glob(f"*/{JOB}"))]


def find_job(parent: Path, name: str) -> RunFolder:
    """The job of that folder's name, or the newest that begins so; of a model's name its newest.

    Raises:
        UserError: there is none.
    """
    known = {run.path.name: run for run in job_folders(parent)}
    if name in known:
        return known[name]
    matches = [run for folder, run in known.items() if folder.startswith(name) or name in folder]
    if not matches:
        hint = did_you_mean(name, known) if known else "start one with 'frieze propose MODEL'"
        raise UserError(f"there is no job '{name}'", hint)
    return matches[-1]


class JobFollower:
    """A reader of one job; it never touches it."""

    def __init__(self, run: RunFolder) -> None:
        self._follower = Follower(run)
        self._job = read_job(run.path)
        self._began: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None

    def poll(self) -> JobView:
        """The job as it is now."""
        view = self._follower.poll()
        for event in self._follower.news:
            self._take_in(event)
        done = view.phase_done if view.phase_total else (self._began[1] if self._began else 0)
        failure = UserError(*view.failure, ExitCode.RUN_FAILED) if view.failure else None
        return JobView(
            view.name,
            view.status,
            self._job.model,
            view.device,
            done,
            self._job.images,
            tuple(dict.fromkeys((event.path, event.reason) for event in view.quarantined)),
            self._rate(),
            tuple(dict.fromkeys(event.what for event in view.warnings)),
            failure,
        )

    def read(self) -> JobView:
        """The job as it is now, a long log read to its end."""
        view = self.poll()
        while self._follower.is_behind:
            view = self.poll()
        return view

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come unless the job is started again."""
        return self._follower.is_over

    def until_over(self) -> Iterator[JobView]:
        """Views, several a second, up to the last."""
        while True:
            view = self.poll()
            if self.is_over:
                yield view
                return
            if not self._follower.is_behind:
                yield view
                time.sleep(_LOOK_S)

    def _take_in(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._began, self._last = (event.at, event.step), None
        elif isinstance(event, Progress):
            self._last = (event.at, event.done)

    def _rate(self) -> float | None:
        if self._began is None or self._last is None:
            return None
        seconds, images = self._last[0] - self._began[0], self._last[1] - self._began[1]
        return images / seconds if seconds > 0 and images else None


def _fresh(parent: Path, name: str) -> Path:
    """A new folder; a number is added where the name is taken."""
    name = "".join(c if c.isalnum() or c in "-_.+" else "-" for c in name)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            path = parent / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            else:
                return path
    except OSError as error:
        raise _no_job(parent, error) from error


def _no_job(parent: Path, error: OSError) -> UserError:
    return UserError(f"no job can be made in {parent}: {error.strerror}", "free space, or check rights")
