"""A stand-in for `python -m train RUN`: keeps to the contract of a run folder, trains nothing.

The recipe's `metadata.description` says how to behave: "steps=20 sleep=0.01 wait_at=3 fail=refuse|middle|asked|early";
one that waits at a step goes on only when it was killed and is started again, and one that fails when asked does so
instead of a stop: whoever started it has seen it live.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.files.whole_files import replace_file
from curator.contract.run import events as ev
from curator.contract.run.at_work import told_of
from curator.contract.run.event_log import EventLog
from curator.contract.run.run_folder import RunFolder

BEGAN = time.time_ns()


def behaviour(run: RunFolder) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=([\w.]+)", run.recipe_path.read_text()))


def main() -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # before anybody sees that it holds the run
    run = RunFolder(Path(sys.argv[1]))
    how = behaviour(run)
    if how.get("fail") == "early":
        sys.stderr.write("Segmentation fault, or so\n")
        return 139
    try:
        with run.hold(), told_of(run.path):
            return work(run, how)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def obeyed(run: RunFolder, log: EventLog, step: int) -> list[str]:
    """The requests since the step before; after a pause, those until it is over as well."""
    taken: list[str] = [*run.take_requests()]
    for action in taken:
        log.write(ev.RequestTaken(time.time(), action))
    if "pause" in taken:
        log.write(ev.Paused(time.time(), step))
        while not {"resume", "stop", "suspend"} & set(taken):
            time.sleep(0.01)
            taken += run.take_requests()
        log.write(ev.Resumed(time.time(), step))
    return taken


def work(run: RunFolder, how: dict[str, str]) -> int:
    log = EventLog(run.events_path)
    for action in run.take_requests(BEGAN):
        log.write(ev.RequestMissed(time.time(), action))
    if how.get("fail") == "refuse":
        log.write(ev.RunFailed(time.time(), "there is no model at x\x1b[31m", "give another"))
        log.write(ev.RunEnded(time.time(), "failed", 0))
        run.finish("failed", 0)
        return 2
    total = int(how.get("steps", 5))
    state = run.state_dir / "step"
    first = int(state.read_text()) if state.exists() else 0
    log.write(ev.RunStarted(time.time(), first, total, 1, first > 0, os.getpid(), "cpu", 1))
    ended, step = "finished", first
    for step in range(first + 1, total + 1):
        time.sleep(float(how.get("sleep", 0)))
        # Whole, and before anybody hears of the step: who kills it then finds the state.
        replace_file(state, str(step).encode())
        log.write(ev.StepDone(time.time(), step, 0, 1 / step, {"unet": 1e-4}, 1.0, 2, 0.1, 1 << 20))
        if not first and step == int(how.get("wait_at", 0)):
            signal.pause()
        asked = obeyed(run, log, step)
        is_stopped = "stop" in asked
        if "suspend" in asked:
            ended = "suspended"
            break
        if is_stopped and how.get("fail") != "asked":
            ended = "stopped"
            break
        if how.get("fail") == "middle" or is_stopped:
            log.write(ev.RunFailed(time.time(), "the disk is full", "free space"))
            ended = "failed"
            break
    log.write(ev.RunEnded(time.time(), ended, step))
    run.finish(ended, step)
    return 2 if ended == "failed" else 0


if __name__ == "__main__":
    sys.exit(main())
