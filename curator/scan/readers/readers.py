"""Workers on files: this process where they are few, several processes where they are many.

Threads of one interpreter take turns; processes do not. They are started when the first files have been done here,
which goes on until they are up; they answer in the order they are asked, and end when this process does. One that dies
(a decoder crashed) is replaced: of what it had not answered only the oldest is suspect, and the file that killed two is
named.
"""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar, cast

import curator
from curator.scan.readers.wire import packed, received
from curator.scan.readers.worker_job import A, Q, WorkerJob

_MEANWHILE = (
    8  # times as many files as before are worked on here while processes come up; then they are waited for
)
_PIPE_BYTES = 1 << 20
_LEAST_PIPE_BYTES = 1 << 16  # what a pipe holds where it cannot be made larger
_ASKED_SHARE = 0.75  # of a pipe is filled with questions a process has not begun: asking never waits
_ASKED_BYTES = (
    192 << 10
)  # of questions: some ten thousand files, as many as are read while a batch is written
_MOST_WAITING = 1000
_COUNT = min(16, max(2, os.cpu_count() or 1))
_SET_PIPE_BYTES: int | None = getattr(fcntl, "F_SETPIPE_SZ", None)
_COMMAND = ["-m", "curator.scan.readers.reader_process"]

_P = TypeVar("_P")


class Readers(Generic[Q, A]):
    """Processes for one kind of job. Use as a context manager."""

    def __init__(self, job: WorkerJob[Q, A]) -> None:
        self._job = job
        self._starting: list[_Process] = []
        self._processes: list[_Process] = []
        self._left_here = job.inline_limit

    def __enter__(self) -> Readers[Q, A]:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._starting, *self._processes):
            process.end()

    def read(self, pieces: Iterable[tuple[_P, Q]]) -> Iterator[tuple[_P, A]]:
        """Whatever stands beside each question, with its answer, in order; some questions are asked ahead."""
        waiting: deque[_Asked[_P, Q]] = deque()
        for piece, question in pieces:
            asked = _Asked(piece, question)
            files = self._job.files(question)
            if files and self._has_processes():
                message = packed(question)
                while (process := self._with_room(len(message))) is None and self._processes:
                    yield self._answered(waiting)
                if process is not None:  # else the last one died
                    process.ask(message)
                    asked.process = process
            self._left_here -= files
            waiting.append(asked)
            while waiting and (waiting[0].is_ready() or len(waiting) > _MOST_WAITING):
                yield self._answered(waiting)
        while waiting:
            yield self._answered(waiting)

    def _has_processes(self) -> bool:
        """Whether any are up; started where it is time for them."""
        if self._left_here <= 0 and not self._processes and not self._starting:
            self._starting = self._started(_COUNT)
            if not self._starting:  # none to be had: this one does everything
                self._left_here = sys.maxsize
        if self._starting:
            self._accept(waits=self._left_here <= -_MEANWHILE * self._job.inline_limit)
        return bool(self._processes)

    def _accept(self, *, waits: bool) -> None:
        """Take those of the starting processes that are up, and leave those that failed to come up."""
        for process in [each for each in self._starting if waits or each.has_answer()]:
            self._starting.remove(process)
            if process.answer() is not None:
                self._processes.append(process)
            else:
                process.end()
        if not self._processes and not self._starting:
            self._left_here = sys.maxsize

    def _with_room(self, size: int) -> _Process | None:
        least = min(self._processes, key=lambda each: each.waiting_bytes, default=None)
        return least if least is not None and least.has_room(size) else None

    def _answered(self, waiting: deque[_Asked[_P, Q]]) -> tuple[_P, A]:
        """The oldest of those waiting, no longer among them."""
        asked = waiting.popleft()
        if not self._job.files(asked.question):
            return asked.piece, self._job.join([])
        if asked.process is None:
            return asked.piece, self._job.work(asked.question)
        answer = asked.process.answer()
        if answer is None:
            return asked.piece, self._one_by_one(asked.process, asked.question, waiting)
        return asked.piece, self._job.answer(answer)

    def _one_by_one(self, dead: _Process, suspect: Q, waiting: Iterable[_Asked[_P, Q]]) -> A:
        """What a process died of, file by file in others; these are asked then what it did not come to."""
        process = self._replaced(dead)
        answers: list[A] = []
        for question in self._job.split(suspect):
            if process is None:  # none to be had, which is not the file's fault
                answers.append(self._job.work(question))
                continue
            process.ask(packed(question))
            answer = process.answer()
            answers.append(self._job.crashed if answer is None else self._job.answer(answer))
            if answer is None:
                process = self._replaced(process)
        for asked in waiting:
            if asked.process is dead:
                message = packed(asked.question)
                asked.process = process if process is not None and process.has_room(len(message)) else None
                if asked.process is not None:
                    asked.process.ask(message)
        return self._job.join(answers)

    def _replaced(self, dead: _Process) -> _Process | None:
        """One that is up, where there is one to be had."""
        self._processes.remove(dead)
        dead.end()
        for fresh in self._started(1):
            if fresh.answer() is not None:
                self._processes.append(fresh)
                return fresh
            fresh.end()
        return None

    def _started(self, count: int) -> list[_Process]:
        """So many processes, or fewer, asked for nothing: what answers that is up."""
        processes: list[_Process] = []
        with suppress(OSError):  # no more of them, or no memory
            for _ in range(count):
                processes.append(_Process(self._job.name))  # noqa: PERF401 - those before the one that fails are kept
        for process in processes:
            process.ask(packed(self._job.ping))
        return processes


@dataclass
class _Asked(Generic[_P, Q]):
    """A question that was asked; `process` is None where it is answered here."""

    piece: _P
    question: Q
    process: _Process | None = None

    def is_ready(self) -> bool:
        """Whether nobody has to be waited for."""
        return self.process is None or self.process.has_answer()


class _Process:
    """One reading process. What it is asked and has not answered is kept in order."""

    def __init__(self, job: str) -> None:
        # The safe path: else a file called "json.py" among the images would be run instead of the real one.
        home = str(Path(curator.__path__[0]).parent)
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
        self._process = subprocess.Popen(
            [sys.executable, *_COMMAND, job],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which ends the others
            env=environment,
        )
        self._questions = cast("BinaryIO", self._process.stdin)
        self._answers = cast("BinaryIO", self._process.stdout)
        self._ready = select.poll()
        self._ready.register(self._answers, select.POLLIN)
        self._asked: deque[int] = deque()
        self.waiting_bytes = 0
        self.is_dead = False
        self._most_waiting_bytes = min(_ASKED_BYTES, int(_ASKED_SHARE * _widened(self._questions)))
        _widened(self._answers)

    def has_room(self, size: int) -> bool:
        """Whether asking a question of so many bytes would not wait."""
        return not self.waiting_bytes or self.waiting_bytes + size <= self._most_waiting_bytes

    def ask(self, question: bytes) -> None:
        """Ask without waiting."""
        self._asked.append(len(question))
        self.waiting_bytes += len(question)
        with suppress(BrokenPipeError):  # the answer will be missing
            self._questions.write(question)
            self._questions.flush()

    def has_answer(self) -> bool:
        """Whether `answer` would not wait."""
        return self.is_dead or bool(self._ready.poll(0))

    def answer(self) -> tuple[object, ...] | None:
        """The oldest answer; None where it died."""
        self.waiting_bytes -= self._asked.popleft()
        answer = None if self.is_dead else received(self._answers)
        self.is_dead = answer is None
        return answer

    def end(self) -> None:
        """It may be in the middle of a file that nobody waits for any more."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._questions, self._answers):
            with suppress(OSError):
                pipe.close()


def _widened(pipe: BinaryIO) -> int:
    """How many bytes a pipe holds, when it has been made as wide as the system allows."""
    if _SET_PIPE_BYTES is not None:
        with suppress(OSError):
            return fcntl.fcntl(pipe, _SET_PIPE_BYTES, _PIPE_BYTES)
    return _LEAST_PIPE_BYTES
