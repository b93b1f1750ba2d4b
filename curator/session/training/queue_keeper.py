"""The program of the queue's keeper: `python -m curator.session.training.queue_keeper FOLDER`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from curator.runs.queue.keeper import main
from curator.session.training.runs import Runs

if TYPE_CHECKING:
    from curator.runs.queue.jobs import Job


def begin(job: Job) -> int:
    """Start or resume the run of a job on its device."""
    run = job.folder
    return Runs(run.path.parent).restart(run, job.processes, device=job.device)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], begin))
