"""The life of a worker: it holds the run's lock, reports every end as an event, writes the exit record last.

Its exit code says how the run ended: done, failed, stopped, or interrupted; a mistake where there is nothing to run.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import traceback
from pathlib import Path

from curator.contract.errors import ExitCode, UserError
from curator.contract.locations import LOG
from curator.contract.run.event_log import EventLog
from curator.contract.run.events import RunEnded, RunFailed
from curator.contract.run.run_folder import RunFolder
from curator.contract.run.stop_signals import StopSignals
from train import quiet
from train.clock import Clock


def work(path: Path) -> int:
    """Run or resume the run in `path` to its end; the exit code."""
    run = RunFolder(path)
    signals = StopSignals()
    signals.install()
    try:
        name = run.info().name
        if run.status() == "finished":
            sys.stdout.write(f"the run {name} is finished: its weights are in {run.output_dir}\n")
            return ExitCode.DONE
        if int(os.environ.get("RANK", "0")) > 0:  # set by torchrun; read before anything heavy is imported
            return _Worker(run, signals, None).live()
        with run.hold():
            run.take_requests()  # what a dead worker was asked for is not meant for this one
            return _Worker(run, signals, EventLog(run.events_path)).live()
    except UserError as error:
        _print_error(error)
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception:  # noqa: BLE001 (the boundary; what breaks while it trains is told by the worker itself)
        traceback.print_exc()
        return ExitCode.BUG
    finally:
        signals.retire()


class _Worker:
    """One process of a run, from the held lock to the exit record. `log` is None on all but the first."""

    def __init__(self, run: RunFolder, signals: StopSignals, log: EventLog | None) -> None:
        self.run = run
        self.signals = signals
        self.log = log
        self.clock = Clock()

    def live(self) -> int:
        """Train and leave the exit record, whatever happens."""
        try:
            how = self._train()
            code = ExitCode.DONE if how == "finished" else _stopped_code()
        except KeyboardInterrupt:
            how, code = "stopped", ExitCode.INTERRUPTED
        except UserError as error:
            self._say_failed(error)
            how, code = "failed", ExitCode.RUN_FAILED
        except Exception as error:  # noqa: BLE001 (the boundary: no run may end without a sentence)
            if self.signals.at_once:  # libraries turn an interrupt of their import into errors of their own
                how, code = "stopped", ExitCode.INTERRUPTED
            else:
                traceback.print_exc()
                self._say_failed(_as_user_error(error))
                how, code = "failed", ExitCode.RUN_FAILED
        self._leave_record(how)
        return code

    def _leave_record(self, how: str) -> None:
        self.signals.retire()
        if self.log is not None:
            with contextlib.suppress(UserError):
                self.log.write(RunEnded(time.time(), how, self.clock.done))
            self.run.take_requests()  # nobody is left to heed them
            self.run.finish(how, self.clock.done)

    def _leave_an_import(self) -> None:
        """End the process where it is: an exception would cross the C++ of a library, which aborts on one."""
        self._leave_record("stopped")
        os._exit(ExitCode.INTERRUPTED)

    def _train(self) -> str:
        """Heavy imports wait until the lock is held: whoever started the run sees at once that it lives."""
        with self.signals.leaving_by(self._leave_an_import):
            from train.control import StopRequestedError  # noqa: PLC0415
            from train.loop import train  # noqa: PLC0415
            from train.prepare.job import prepare  # noqa: PLC0415
            from train.report import Reporter  # noqa: PLC0415

        quiet.after_imports()
        try:
            job = prepare(self.run, lambda is_main: Reporter(self.log if is_main else None), self.signals)
            self.clock.done = job.done
            reached = train(job, self.clock)
            job.process.accelerator.end_training()
        except StopRequestedError:
            return "stopped"
        return "finished" if reached else "stopped"

    def _say_failed(self, error: UserError) -> None:
        _print_error(error)
        if self.log is not None:
            with contextlib.suppress(UserError):
                self.log.write(RunFailed(time.time(), error.what, error.hint))


def _stopped_code() -> ExitCode:
    """What a worker that was asked to stop ends with. A launcher of several takes all but 0 for a crash and kills."""
    return ExitCode.DONE if "RANK" in os.environ else ExitCode.RUN_STOPPED


def _as_user_error(error: Exception) -> UserError:
    """A failure of the program or the machine as a sentence and a hint."""
    text = str(error)
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in text:
        return UserError("the disk is full", "free space, then start the same run again")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return UserError(
            "the memory is too small for this training",
            "lower batch.size, or turn on precision.gradient_checkpointing, in a new run",
        )
    first = text.strip().splitlines() or [""]
    return UserError(
        f"the trainer broke: {type(error).__name__}: {first[0][:200]}", f"{LOG} of the run tells where"
    )


def _print_error(error: UserError) -> None:
    sys.stderr.write(f"{error.what}\n{error.hint}\n")
