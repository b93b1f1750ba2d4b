"""The queue of runs: what waits for a device, of all collections; looked at, put in order."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from curator.contract.errors import UserError

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder
    from curator.runs.queue.jobs import Job, Queue

QueueChange = Literal["first", "up", "down", "last", "hold", "release", "remove"]


class Queued(NamedTuple):
    """How a run waits: for which device ("" is the first), how often it is begun again, how many train together."""

    device: str = ""
    retries: int = 0
    processes: int | None = None


class RunQueue:
    """The queue of this user. Whoever looks sees that somebody keeps it."""

    @property
    def _jobs(self) -> Queue:
        from curator.runs.queue.jobs import Queue

        return Queue()

    def jobs(self) -> list[Job]:
        """The runs that wait for a device, or are at work by the queue, in order."""
        self._wake_keeper()
        return self._jobs.jobs()

    def waiting(self) -> set[str]:
        """The folders of runs that are not held; a queue that cannot be read hides no run."""
        try:
            return {job.run for job in self.jobs() if job.state != "held"}
        except UserError:
            return set()

    def will_begin(self, run: RunFolder) -> bool:
        """Whether a run is to begin by the queue, or once more, or is at work by it."""
        return os.path.realpath(run.path) in self.waiting()

    def has(self, run: RunFolder) -> bool:
        """Whether a run is in the queue."""
        return self._jobs.has(run)

    def find(self, name: str) -> RunFolder | None:
        """The one run in the queue that a name means, of whatever collection; else None."""
        folders = [job.folder for job in self._jobs.jobs()]
        same = [
            run
            for run in folders
            if name in (str(run.path), run.path.name) or run.path.name.endswith(f"-{name}")
        ]
        return same[0] if len(same) == 1 else None

    def add(self, run: RunFolder, queued: Queued) -> None:
        """Put a run that is not over at the end of the queue of its device.

        Raises:
            UserError: it is finished or at work, or in the queue already; no such device.
        """
        from curator.runs.queue.devices import checked_device
        from curator.runs.queue.jobs import job_of

        if (status := run.status()) in ("finished", "running"):
            raise UserError(f"the run {run.path.name} is {status}", "queue one that has something left to do")
        processes = queued.processes or run.info().processes
        device = checked_device(queued.device, processes)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self._jobs.add(job_of(run, device, now, processes=processes, retries=queued.retries))
        self._wake_keeper()

    def change(self, run: RunFolder, what: QueueChange) -> None:
        """Move a run in the queue, hold or release it, or take it out.

        Raises:
            UserError: it is not in the queue; a run at work cannot be held or taken out.
        """
        queue = self._jobs
        match what:
            case "hold":
                queue.hold(run)
            case "release":
                queue.release(run)
            case "remove":
                queue.remove(run)
            case _:
                queue.move(run, what)
        self._wake_keeper()

    def retry(self, run: RunFolder, retries: int) -> None:
        """Say how often a run in the queue is begun again after a crash or failure."""
        self._jobs.change(run, lambda job: replace(job, retries=retries))

    def renamed(self, before: Path, now: RunFolder) -> None:
        """Follow a run's folder, which was at `before`, to its new name."""
        self._jobs.renamed(before, now)

    def _wake_keeper(self) -> None:
        """A keeper that was killed, or went with the machine, is replaced."""
        from curator.runs.queue.keeper import wake

        wake(self._jobs)
