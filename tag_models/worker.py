"""The life of a worker that looks at images: it holds the job's folder, answers, and leaves an exit record last.

Under torchrun each process takes the images whose content falls to its rank, and only the first one writes events.
Exit codes are those of a training.
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
from curator.contract.run.event_log import EventLog
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
    read_images,
    read_job,
    read_loaded,
    write_loaded,
)
from curator.contract.tagging.part import read_part, write_part
from curator.contract.text import visible
from tag_models.answers import Gathered
from tag_models.families.registry import load
from tag_models.pipeline import Pipeline

if TYPE_CHECKING:
    from tag_models.model import Model

_PART_IMAGES, _PART_S = 4096, 5.0
_TELL_S = 0.5
_BATCH = {"cpu": 4, "cuda": 32}


def work(folder: Path) -> int:
    """Begin or go on with the job in `folder` to its end; the exit code."""
    signals = StopSignals()
    signals.install()
    worker = RunFolder(folder)
    try:
        job = read_job(folder)
        rank = int(os.environ.get("RANK", "0"))
        if rank:
            return _Worker(folder, job, signals, None).live()
        with worker.hold():
            worker.take_requests()
            return _Worker(folder, job, signals, EventLog(worker.events_path)).live()
    except UserError as error:
        sys.stderr.write(f"{error.what}\n{error.hint}\n")
        return ExitCode.MISTAKE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        signals.retire()


class _Worker:
    """One process of a job. `log` is None on all but the first."""

    def __init__(self, folder: Path, job: TaggingJob, signals: StopSignals, log: EventLog | None) -> None:
        self._folder = folder
        self._files = RunFolder(folder)
        self._job = job
        self._signals = signals
        self._log = log
        self._rank = int(os.environ.get("RANK", "0"))
        self._ranks = int(os.environ.get("WORLD_SIZE", "1"))
        self._done = bytearray(job.images)
        self._count = 0
        self._parts = 0
        self._stop = False

    def live(self) -> int:
        """Look at everything and leave the exit record, whatever happens."""
        try:
            self._look()
            how, code = ("stopped", ExitCode.RUN_STOPPED) if self._stop else ("finished", ExitCode.DONE)
        except KeyboardInterrupt:
            how, code = "stopped", ExitCode.INTERRUPTED
        except UserError as error:
            self._say_failed(error)
            how, code = "failed", ExitCode.RUN_FAILED
        except OSError as error:
            self._say_failed(_as_user_error(error))
            how, code = "failed", ExitCode.RUN_FAILED
        except Exception as error:  # noqa: BLE001 (the boundary: no job may end without a sentence)
            traceback.print_exc()
            first = (str(error).strip().splitlines() or [""])[0][:200]
            self._say_failed(
                UserError(
                    f"the job broke: {type(error).__name__}: {first}",
                    f"{LOG} of the job tells where",
                )
            )
            how, code = "failed", ExitCode.BUG
        self._signals.retire()
        if self._log is not None:
            with contextlib.suppress(UserError):
                self._log.write(RunEnded(time.time(), how, self._count))
            self._files.finish(how, self._count)
        return code

    def _look(self) -> None:
        self._find_done()
        identity = identity_of(self._job) if self._rank == 0 else ""
        model = load(self._job)
        names, classes = model.labels.names, model.labels.classes
        if self._rank == 0:
            self._refuse_another(identity)
            write_loaded(self._folder, LoadedModel(identity, model.kind, model.device, names, classes))
        size = self._job.batch_size or _BATCH.get(model.device, 4)
        processes = self._job.processes or _decoders(model.device)
        self._emit(
            RunStarted(
                time.time(),
                self._count,
                self._job.images,
                0,
                self._count > 0,
                os.getpid(),
                model.device,
                self._ranks,
            )
        )
        pipeline = Pipeline(model, model.side, size, processes, self._warn)
        self._answer(model, pipeline)

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
        written, told = time.monotonic(), 0.0  # the first answer is told at once
        for looked in pipeline.looked(self._stoppable(self._left())):
            for image, problem in looked.bad:
                self._emit(ImageQuarantined(time.time(), visible(image.path), problem))
            if looked.answers is not None:
                gathered.add(looked.images, looked.answers)
                self._count += len(looked.images)
            now = time.monotonic()
            if len(gathered) >= _PART_IMAGES or (len(gathered) and now - written > _PART_S):
                self._write(gathered)
                written = now
            if now - told > _TELL_S:
                self._emit(Progress(time.time(), "tagging", self._count, self._job.images))
                told = now
        if len(gathered):
            self._write(gathered)
        self._emit(Progress(time.time(), "tagging", self._count, self._job.images))

    def _find_done(self) -> None:
        """What earlier workers answered; a part that is damaged is set aside and its images looked at again."""
        for file in part_files(self._folder):
            try:
                numbers = memoryview(read_part(file).numbers).cast("I")
            except (OSError, ValueError) as error:
                file.rename(file.with_suffix(".damaged"))
                self._warn(
                    f"the part {file.name} is damaged: {visible(str(error))}",
                    "its images are looked at again",
                )
                continue
            for number in numbers:
                if number < len(self._done) and not self._done[number]:
                    self._done[number] = 1
                    self._count += 1
            if file.name.startswith(f"{self._rank}-"):
                self._parts = max(self._parts, int(file.stem.partition("-")[2]))

    def _left(self) -> Iterator[ImageEntry]:
        for image in read_images(self._folder):
            if image.number >= len(self._done) or self._done[image.number]:
                continue
            if int(image.sha256[:8], 16) % self._ranks == self._rank:
                yield image

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
        self._stop = self._stop or self._signals.asked
        return self._stop

    def _write(self, gathered: Gathered) -> None:
        self._parts += 1
        try:
            write_part(self._folder / PARTS / f"{self._rank}-{self._parts:06}.part", gathered.part())
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
