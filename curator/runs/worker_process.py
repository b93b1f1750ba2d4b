"""The process of a worker: begun in a session of its own, so that it outlives the terminal.

It has no terminal, its output goes to the log, and what started it waits only until it holds its folder or has failed
(reference: curators_tui.md C).
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from curator.contract.errors import ExitCode, UserError
from curator.contract.run.event_log import end_of_events, read_events
from curator.contract.run.events import RunFailed

if TYPE_CHECKING:
    from curator.contract.run.run_folder import RunFolder

_LAUNCHER_NAMES = {
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT"),
}
_LOOK_S = 0.02
_ENDS_OF_WORK_THAT_BEGAN = (ExitCode.DONE, ExitCode.RUN_STOPPED)
_LONGEST_START_S = 300.0  # importing torch from a cold network disk takes minutes


def begin(
    run: RunFolder,
    module: Sequence[str],
    processes: int,
    called: str,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start a worker in `run`, or several that work together; gives the process id of the one that holds the folder.

    `module` is what Python runs, before the folder; `called` is the worker's name in messages; `environment` is added
    to ours. What a dead worker was asked for and never read is not meant for this one, which says so.

    Raises:
        UserError: it cannot be started, or ended before it began.
    """
    before = run.worker()
    offset = end_of_events(run.events_path)
    process = _spawn(run, worker_command(run, module, processes), called, environment or {})
    # Somebody has to take the exit status of a child that ends while we live, or it stays a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    deadline = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < deadline:
        is_gone = process.poll() is not None
        worker = run.worker()
        if worker is not None and worker != before:
            # It writes who it is a moment before it is seen running.
            is_at_work = not is_gone and run.status() == "running"
            if is_at_work or process.returncode in _ENDS_OF_WORK_THAT_BEGAN:
                return worker.pid
        if is_gone:
            raise _failed(run, offset, called)
        time.sleep(_LOOK_S)
    process.terminate()
    raise UserError(f"{called} did not begin in {_LONGEST_START_S:.0f} s", f"look into {run.log_path}")


def worker_command(run: RunFolder, module: Sequence[str], processes: int) -> list[str]:
    """The command line of a worker, or of torchrun with several of them."""
    worker = [*module, str(run.path.absolute())]
    if processes == 1:
        return [sys.executable, *worker]
    spread = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [sys.executable, *spread, *worker]


def _spawn(
    run: RunFolder, command: list[str], called: str, more: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    # Without the safe path a folder or file called "train" where the user happens to stand would be run instead.
    kept = {name: value for name, value in os.environ.items() if not _is_of_a_launcher(name)}
    environment = kept | {"PYTHONSAFEPATH": "1"} | dict(more)
    try:
        with run.log_path.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )
    except OSError as error:
        raise UserError(
            f"{called} cannot be started: {error.strerror}", "free space or check rights"
        ) from error


def _is_of_a_launcher(name: str) -> bool:
    """What torchrun or Slurm told the shell we are in: a worker that believes it would wait for its peers for ever."""
    return name in _LAUNCHER_NAMES or name.startswith("TORCHELASTIC_")


def _failed(run: RunFolder, offset: int, called: str) -> UserError:
    """What a worker that ended at once said of it."""
    if run.status() == "running":
        return UserError(
            f"the run {run.path.name} is in use by a living worker", "follow it with 'frieze runs follow'"
        )
    words = [event for event in read_events(run.events_path, offset).events if isinstance(event, RunFailed)]
    if words:
        return UserError(words[-1].what, words[-1].hint, ExitCode.RUN_FAILED)
    return UserError(f"{called} ended before it began", f"look into {run.log_path}", ExitCode.RUN_FAILED)
