"""The life of a worker that looks at images: it holds the job's folder, answers, and leaves an exit record last.

Under torchrun several processes share the images, and the first one holds the folder, writes events and ends the job
for all (see `ranks`). Exit codes are those of a training.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import ExitCode, UserError
from curator.contract.locations import LOG
from curator.contract.run.event_log import EventLog, end_of_events, read_events
from curator.contract.run.events import (
    Event,
    ImageQuarantined,
    Progress,
    RequestTaken,
    RunEnded,
    RunFailed,
    RunStarted,
    Warned,
)
from curator.contract.run.run_folder import RunFolder
from curator.contract.run.stop_signals import StopSignals
from curator.contract.tagging.identity import identity_of
from curator.contract.tagging.job import (
    PARTS,
    ImageEntry,
    LoadedModel,
    TaggingJob,
    part_files,
    read_job,
    read_loaded,
    write_loaded,
)
from curator.contract.tagging.part import PART, write_part
from curator.contract.text import visible
from tag_models.answered import Answered, numbers_in
from tag_models.answers import Gathered
from tag_models.families.registry import load
from tag_models.pipeline import Pipeline
from tag_models.ranks import Ending, Outcome, Ranks

if TYPE_CHECKING:
    from tag_models.model import Model

_PART_IMAGES, _PART_S = 4096, 5.0
_TELL_S = 0.5
_BATCH = {"cpu": 4, "cuda": 32}


def work(folder: Path) -> int:
    """Begin or go on with the job in `folder` to its end; the exit code."""
    signals = StopSignals()
    signals.install()
    worker, ranks = RunFolder(folder), Ranks()
    try:
        job = read_job(folder)
        if not ranks.is_first:
            return _Worker(folder, job, signals, ranks, None).live()
        with worker.hold():
            worker.take_requests()
            return _Worker(folder, job, signals, ranks, EventLog(worker.events_path)).live()
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return ExitCode.MISTAKE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        ranks.leave()
        signals.retire()


class _Worker:
    """One process of a job. `log` is None on all but the first."""

    def __init__(
        self, folder: Path, job: TaggingJob, signals: StopSignals, ranks: Ranks, log: EventLog | None
    ) -> None:
        self._folder = folder
        self._files = RunFolder(folder)
        self._job = job
        self._signals = signals
        self._log = log
        self._ranks = ranks
        self._answered = Answered(folder, job.images)
        self._count = 0  # images with answers, as far as this process knows
        self._own = 0  # of these the ones it has answered itself
        self._parts = 0
        self._heard = end_of_events(self._files.events_path)  # what the first process said before is of old
        self._unsaid = list[Event]()  # what the first process is to tell for this one
        self._stop = False
        self._began = 0  # images with answers of earlier workers
        self._told = -_TELL_S

    def live(self) -> int:
        """Look at everything and leave the exit record, whatever happens."""
        how, code = self._agreed(*self._lived())
        self._signals.retire()
        if self._log is not None:
            self._files.free_reserve()  # last words are written also where the disk is full
            with contextlib.suppress(UserError):
                self._log.write(RunEnded(time.time(), how, self._count))
            self._files.finish(how, self._count)
        return code

    def _lived(self) -> tuple[Ending, ExitCode]:
        try:
            self._look()
        except KeyboardInterrupt:
            return "stopped", ExitCode.INTERRUPTED
        except UserError as error:
            self._say_failed(error)
            return "failed", ExitCode.RUN_FAILED
        except OSError as error:
            self._say_failed(_as_user_error(error))
            return "failed", ExitCode.RUN_FAILED
        except Exception as error:  # noqa: BLE001 (the boundary: no job may end without a sentence)
            traceback.print_exc()
            first = (str(error).strip().splitlines() or [""])[0][:200]
            self._say_failed(
                UserError(f"the job broke: {type(error).__name__}: {first}", f"{LOG} of the job tells where")
            )
            return "failed", ExitCode.BUG
        return ("stopped", ExitCode.RUN_STOPPED) if self._stop else ("finished", ExitCode.DONE)

    def _agreed(self, how: Ending, code: ExitCode) -> tuple[Ending, ExitCode]:
        """What the job came to, when all processes are through: a process that ended earlier would end the others."""
        if self._ranks.count == 1 or code == ExitCode.INTERRUPTED:
            return how, code
        try:
            for seconds in self._ranks.waiting():
                self._is_stopped()
                self._tell_progress()
                time.sleep(seconds)
            outcomes = self._ranks.outcomes(Outcome(how, self._own, tuple(self._unsaid)))
        except RuntimeError:  # gloo's word for one that is gone
            again = f"{LOG} of the job tells more; what was answered is kept: start the same job again"
            self._say_failed(UserError("a process of the job died", again))
            return "failed", ExitCode.RUN_FAILED
        except KeyboardInterrupt:
            return "stopped", ExitCode.INTERRUPTED
        if not self._ranks.is_first:
            return how, ExitCode.DONE  # the first tells how it went; torchrun ends all where one fails
        for event in (event for outcome in outcomes[1:] for event in outcome.events):
            self._emit(event)
        self._count = self._began + sum(outcome.answered for outcome in outcomes)
        self._emit(Progress(time.time(), "tagging", self._count, self._job.images))
        endings = {outcome.how for outcome in outcomes}
        if "failed" in endings:
            return "failed", code if how == "failed" else ExitCode.RUN_FAILED
        return ("stopped", ExitCode.RUN_STOPPED) if "stopped" in endings else (how, code)

    def _look(self) -> None:
        self._ranks.meet()
        self._find_done()
        identity = identity_of(self._job) if self._ranks.is_first else ""
        if self._job.cluster:
            self._look_on_cluster(identity)
            return
        model = load(self._job)
        names, classes = model.labels.names, model.labels.classes
        if self._ranks.is_first:
            self._refuse_another(identity)
            write_loaded(self._folder, LoadedModel(identity, model.kind, model.device, names, classes))
        size = self._job.batch_size or _BATCH.get(model.device, 4)
        processes = self._job.processes or _decoders(model.device)
        self._say_started(model.device, self._ranks.count)
        pipeline = Pipeline(model, model.side, size, processes, self._warn)
        self._answer(model, pipeline)

    def _look_on_cluster(self, identity: str) -> None:
        from tag_models.cluster.ray_job import RayJob  # noqa: PLC0415 (ray: seconds, for such jobs alone)

        with RayJob(self._job, self._folder, identity) as on_cluster:
            first = on_cluster.first_look(self._is_stopped)
            if first is None:
                return
            self._refuse_another(identity)
            write_loaded(self._folder, first.loaded)
            self._say_started(first.loaded.device, on_cluster.workers)
            for told in on_cluster.told(first, list(self._left()), self._is_stopped):
                for path, problem in told.bad:
                    self._emit(ImageQuarantined(time.time(), visible(path), problem))
                for what, hint in told.warnings:
                    self._warn(what, hint)
                self._count += told.done
                self._tell_progress()
        self._emit(Progress(time.time(), "tagging", self._count, self._job.images))

    def _say_started(self, device: str, processes: int) -> None:
        done, images = self._count, self._job.images
        self._emit(RunStarted(time.time(), done, images, 0, done > 0, os.getpid(), device, processes))

    def _refuse_another(self, identity: str) -> None:
        """Answers of two models in one job could not be told apart."""
        before = read_loaded(self._folder)
        if before and self._count and before.hash != identity:
            raise UserError(
                f"the weights of {self._job.model} are not those that began this job",
                "put them back, or ask anew with the others",
            )

    def _answer(self, model: Model, pipeline: Pipeline) -> None:
        gathered = Gathered(model.labels, model.kind, self._job.floor)
        written = time.monotonic()
        for looked in pipeline.looked(self._stoppable(self._left())):
            for image, problem in looked.bad:
                self._emit(ImageQuarantined(time.time(), visible(image.path), problem))
            if looked.answers is not None:
                gathered.add(looked.images, looked.answers)
                self._count += len(looked.images)
                self._own += len(looked.images)
            now = time.monotonic()
            if len(gathered) >= _PART_IMAGES or (len(gathered) and now - written > _PART_S):
                self._write(gathered)
                written = now
            self._tell_progress()
        if len(gathered):
            self._write(gathered)
        self._emit(Progress(time.time(), "tagging", self._count, self._job.images))

    def _tell_progress(self) -> None:
        """Say how far all are, twice a second at most; the first answer is told at once."""
        if self._log is None or time.monotonic() - self._told <= _TELL_S:
            return
        for file in self._answered.new_parts() if self._ranks.count > 1 else ():
            if not self._is_own(file):
                with contextlib.suppress(
                    OSError, ValueError
                ):  # looked at again, and told, by whoever begins anew
                    self._count += len(numbers_in(file))
        self._emit(Progress(time.time(), "tagging", self._count, self._job.images))
        self._told = time.monotonic()

    def _is_own(self, part: Path) -> bool:
        return part.suffix == PART and part.name.startswith(f"{self._ranks.rank}-")

    def _find_done(self) -> None:
        """What earlier workers answered; a part that is damaged is set aside and its images looked at again."""
        self._answered.find(self._set_aside)
        self._count = self._began = self._answered.count
        own = (file.stem.partition("-")[2] for file in part_files(self._folder) if self._is_own(file))
        self._parts = max(map(int, own), default=0)

    def _set_aside(self, part: Path, error: Exception) -> None:
        if self._ranks.is_first:
            part.rename(part.with_suffix(".damaged"))
            self._warn(
                f"the part {part.name} is damaged: {visible(str(error))}",
                "its images are looked at again",
            )

    def _left(self) -> Iterator[ImageEntry]:
        return (image for image in self._answered.left() if self._ranks.is_mine(image.sha256))

    def _stoppable(self, images: Iterable[ImageEntry]) -> Iterator[ImageEntry]:
        """Images until somebody asks for a stop: what is on its way is finished and kept."""
        for image in images:
            if self._is_stopped():
                return
            yield image

    def _is_stopped(self) -> bool:
        if self._log is not None:
            for action in self._files.take_requests():
                self._emit(RequestTaken(time.time(), action))
                self._stop = self._stop or action == "stop"
        elif end_of_events(self._files.events_path) > self._heard:
            news = read_events(self._files.events_path, self._heard)
            self._heard = news.offset
            heard = (event.action for event in news.events if isinstance(event, RequestTaken))
            self._stop = self._stop or "stop" in heard
        self._stop = self._stop or self._signals.asked
        return self._stop

    def _write(self, gathered: Gathered) -> None:
        self._parts += 1
        try:
            write_part(self._folder / PARTS / f"{self._ranks.rank}-{self._parts:06}{PART}", gathered.part())
        except OSError as error:
            raise UserError(
                f"answers cannot be written: {error.strerror}", "free space, then start the same job again"
            ) from error

    def _warn(self, what: str, hint: str) -> None:
        self._emit(Warned(time.time(), what, hint))

    def _say_failed(self, error: UserError) -> None:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        with contextlib.suppress(UserError):
            self._emit(RunFailed(time.time(), error.what, error.hint))

    def _emit(self, event: Event) -> None:
        if self._log is not None:
            self._log.write(event)
        elif isinstance(event, ImageQuarantined | Warned | RunFailed):
            self._unsaid.append(event)


def _as_user_error(error: OSError) -> UserError:
    place = f" ({visible(str(error.filename))})" if error.filename else ""
    return UserError(
        f"a file cannot be read or written: {error.strerror or error}{place}",
        "free space or check rights, then start the same job again",
    )


def _decoders(device: str) -> int:
    """A GPU waits for nobody; on a CPU the model needs the cores itself."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores - 1, 32)) if device == "cuda" else max(1, cores // 4)
