"""A stand-in for `python -m tag_models JOB`: begins, answers nothing, and waits until it is asked to stop."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from curator.contract.run.event_log import EventLog
from curator.contract.run.events import RunEnded, RunStarted
from curator.contract.run.run_folder import RunFolder


def main() -> int:
    job = RunFolder(Path(sys.argv[1]))
    with job.hold():
        log = EventLog(job.events_path)
        log.write(RunStarted(time.time(), 0, 1, 0, False, os.getpid(), "cpu", 1))
        while "stop" not in job.take_requests():
            time.sleep(0.01)
        log.write(RunEnded(time.time(), "stopped", 0))
        job.finish("stopped", 0)
    return 4


sys.exit(main())
