"""The life of a worker: it holds the run's lock, reports every end as an event, writes the exit record last.

Its exit code says how the run ended: done, failed, stopped, or interrupted; a mistake where there is nothing to run.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from curator.contract.errors import ExitCode, UserError
from curator.contract.locations import LOG
from curator.contract.recipe.toml_file import load_recipe
from curator.contract.run.at_work import told_of
from curator.contract.run.event_log import EventLog
from curator.contract.run.events import RequestMissed, RunEnded, RunFailed
from curator.contract.run.run_folder import Ending, RunFolder
from curator.contract.run.saved_states import state_step, whole_states
from curator.contract.run.stop_signals import StopSignals
from train import quiet
from train.clock import Clock
from train.out_of_memory import does_not_fit, is_out_of_memory
from train.processes.peers import Peers, is_of_the_connection
from train.programs.asked import tell
from train.survival.reason import is_full_disk


def work(path: Path) -> int:
    """Run or resume the run in `path` to its end; the exit code."""
    run, began = RunFolder(path), time.time_ns()
    signals = StopSignals()
    signals.install()
    try:
        name = run.info().name
        if run.status() == "finished":
            sys.stdout.write(f"the run {name} is finished: its weights are in {run.output_dir}\n")
            return ExitCode.DONE
        if int(os.environ.get("RANK", "0")) > 0:  # set by torchrun; read before anything heavy is imported
            with told_of(path):
                return _Worker(run, signals, None).live()
        with run.hold(), told_of(path):
            log = EventLog(run.events_path)
            _say_missed(run, log, began)  # what a dead worker was asked for is not meant for this one
            return _Worker(run, signals, log).live()
    except UserError as error:
        tell(error)
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
        self.clock = Clock(next(map(state_step, reversed(whole_states(run.state_dir))), 0))
        self.peers: Peers | None = None
        self._end = threading.RLock()  # of the thread that ends the run, to the end of the process

    def live(self) -> int:
        """Train and leave the exit record, whatever happens."""
        try:
            how = self._train()
            self._heed_peers()
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
                self._say_broken(error)
                how, code = "failed", ExitCode.RUN_FAILED
        self._leave_record(how)
        return code

    def _leave_record(self, how: str) -> None:
        self._end.acquire()
        self.signals.retire()
        self.run.free_reserve()
        self._write_record(how)

    def _write_record(self, how: str) -> None:
        if self.peers is not None:
            self.peers.leave()
        if self.log is not None:
            with contextlib.suppress(UserError):
                _say_missed(self.run, self.log)  # nobody is left to heed them
                self.log.write(RunEnded(time.time(), how, self.clock.done))
            self.run.finish(how, self.clock.done)

    def _leave_an_import(self) -> None:
        """End the process where it is: an exception would cross the C++ of a library, which aborts on one."""
        self._leave_record("stopped")
        os._exit(ExitCode.INTERRUPTED)

    def _train(self) -> Ending:
        """Heavy imports wait until the lock is held: whoever started the run sees at once that it lives."""
        with self.signals.leaving_by(self._leave_an_import):
            from train.control import StopRequestedError  # noqa: PLC0415
            from train.device import end_trackers  # noqa: PLC0415
            from train.loop import leave_out, train  # noqa: PLC0415
            from train.prepare.job import prepare  # noqa: PLC0415
            from train.report import Reporter  # noqa: PLC0415
            from train.survival.bad_steps import NotFiniteError  # noqa: PLC0415
            from train.survival.room import release_memory  # noqa: PLC0415

        quiet.after_imports()
        self.peers = Peers.joined()
        if self.peers is not None and self.log is not None:
            self.peers.watch(self._end_lost)
        try:
            how = None
            while how is None:
                job = prepare(self.run, lambda is_main: Reporter(self.log if is_main else None), self.signals)
                self.clock.done = job.done
                try:
                    how = train(job, self.clock)
                except NotFiniteError as error:  # back to the last good state, then without the step
                    leave_out(job, error.bad)
                accelerator = job.process.accelerator
                end_trackers(accelerator, job.process.reporter)
                if how is not None:
                    accelerator.end_training()
                del job
                release_memory()
        except StopRequestedError as asked:
            return asked.how
        return how

    def _heed_peers(self) -> None:
        """A launcher asks all to stop where one has broken off: that is no stop.

        Raises:
            UserError: what it broke off with.
        """
        if self.peers is not None and self.log is not None and (found := self.peers.cause(patience_s=0)):
            raise found

    def _end_lost(self, error: UserError) -> None:
        """End the process where it is: it waits for another that is no more, or else is ending by itself."""
        if self._end.acquire(blocking=False):
            self._say_failed(error)
            self._write_record("failed")
            os._exit(ExitCode.RUN_FAILED)

    def _say_broken(self, error: Exception) -> None:
        """What broke; of a lost connection the cause, which the first process tells."""
        found = None
        if self.peers is not None and is_of_the_connection(error):
            if self.log is None:
                return
            self.signals.retire()
            found = self.peers.cause()
        if found is None:
            traceback.print_exc()
            found = _as_user_error(error, self.run)
        self._say_failed(found)

    def _say_failed(self, error: UserError) -> None:
        self._end.acquire()
        self.run.free_reserve()  # first: the log lies on the same disk
        tell(error)
        if self.peers is not None:
            self.peers.tell(error)
        if self.log is not None:
            with contextlib.suppress(UserError):
                self.log.write(RunFailed(time.time(), error.what, error.hint))


def _say_missed(run: RunFolder, log: EventLog, before: int | None = None) -> None:
    for action in run.take_requests(before):
        log.write(RequestMissed(time.time(), action))


def _stopped_code() -> ExitCode:
    """What a worker that was asked to stop ends with. A launcher of several takes all but 0 for a crash and kills."""
    return ExitCode.DONE if "RANK" in os.environ else ExitCode.RUN_STOPPED


def _as_user_error(error: Exception, run: RunFolder) -> UserError:
    """A failure of the program or the machine as a sentence and a hint."""
    text = str(error)
    if is_full_disk(error):
        return UserError("the disk is full", "free space, then start the same run again")
    if is_out_of_memory(error):
        return does_not_fit("the run", load_recipe(run.recipe_path))
    first = text.strip().splitlines() or [""]
    return UserError(
        f"the trainer broke: {type(error).__name__}: {first[0][:200]}", f"{LOG} of the run tells where"
    )
