"""Jobs of tag models: started, listed, watched. A job has a worker, events and requests as a run has."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from curator.contract.errors import ExitCode, UserError, did_you_mean
from curator.contract.run.events import Event, Progress, RunStarted
from curator.contract.run.run_folder import RunFolder, Status
from curator.contract.tagging.cluster import checked_address, refuse_unreachable
from curator.contract.tagging.job import JOB, ImageEntry, TaggingJob, read_job, write_job
from curator.runs.follow import Follower
from curator.runs.worker_process import begin

WORKER: Sequence[str] = ("-m", "tag_models")
_LOOK_S = 0.2
_PORT = 29500  # where torchrun's processes find each other, by its own default


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


def start_job(
    parent: Path, job: TaggingJob, images: Iterable[ImageEntry], processes: int = 1, hosts: int = 1
) -> RunFolder:
    """Make a job below `parent` and start its worker; with several `hosts` it waits for these (see `host_commands`).

    Raises:
        UserError: the folder cannot be written, or the worker did not begin.
    """
    _check_engine(job, processes, hosts)
    folder = _fresh(parent, f"{datetime.now().astimezone():%Y-%m-%d}-{job.model}")
    try:
        write_job(folder, job, images)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise _no_job(parent, error) from error
        raise
    run = RunFolder(folder)
    if hosts == 1:
        begin(run, WORKER, processes, "the tag model")
    return run


def host_commands(run: RunFolder, processes: int, hosts: int) -> list[str]:
    """What is to be typed on each of several hosts that see the job's folder, this one first."""
    group = ["--master-addr", socket.gethostname(), "--master-port", str(_PORT)]
    return [
        shlex.join(
            [
                *("torchrun", "--nnodes", str(hosts), "--node-rank", str(rank)),
                *("--nproc-per-node", str(processes), *group, *WORKER, str(run.path.absolute())),
            ]
        )
        for rank in range(hosts)
    ]


def restart_job(run: RunFolder, processes: int = 1) -> int:
    """Go on with a job that was stopped or crashed; gives the worker's process id.

    Raises:
        UserError: it is running or finished, or the worker did not begin.
    """
    status = run.status()
    if status in ("running", "finished"):
        raise UserError(f"the job {run.path.name} is {status}", "ask anew for images without proposals")
    _check_engine(read_job(run.path), processes, hosts=1)
    return begin(run, WORKER, processes, "the tag model")


def _check_engine(job: TaggingJob, processes: int, hosts: int) -> None:
    """Whether what shares the images out is there: torchrun, or Ray and the cluster."""
    if processes > 1 and find_spec("torch") is None:
        raise UserError(
            "several processes are started by torchrun, which is not installed",
            "pip install 'frieze[train]', or leave --processes out",
        )
    if not job.cluster:
        return
    checked_address(job.cluster)
    if processes > 1 or hosts > 1:
        raise UserError(
            "a cluster shares the images out by itself", "leave --processes and --hosts, or --cluster out"
        )
    if job.row.family == "endpoint":
        raise UserError(
            f"{job.model} is an endpoint, which serves by itself",
            "leave --cluster out; its server does the work",
        )
    if find_spec("ray") is None:
        raise UserError("a cluster needs ray, which is not installed", "pip install 'frieze[tag,cluster]'")
    refuse_unreachable(job.cluster)


def job_folders(parent: Path) -> list[RunFolder]:
    """The jobs below `parent`, oldest first: by when they were written, for names tell no more than the day."""
    files = sorted((file.stat().st_mtime_ns, file) for file in parent.glob(f"*/{JOB}"))
    return [RunFolder(file.parent) for _, file in files]


def find_job(parent: Path, name: str) -> RunFolder:
    """The job of that folder's name; else the newest of that model; else the newest with that in its name.

    Raises:
        UserError: there is none.
    """
    known = {run.path.name: run for run in job_folders(parent)}
    if name in known:
        return known[name]
    of_model = re.compile(rf"\d+-\d+-\d+-{re.escape(_folder_name(name))}(-\d+)?")
    matches = [folder for folder in known if of_model.fullmatch(folder)]
    matches = matches or [folder for folder in known if name in folder]
    if not matches:
        hint = did_you_mean(name, known) if known else "start one with 'frieze propose MODEL'"
        raise UserError(f"there is no job '{name}'", hint)
    return known[matches[-1]]


def _folder_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.+" else "-" for c in name)


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
    name = _folder_name(name)
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
