"""Decides who reads found files: this process where they are few, several processes where they are many.

Threads of one interpreter take turns; processes do not. They are started when the first files have been read here,
answer in the order they are asked, and end when this process does. One that dies (a decoder crashed) is replaced; the
file that killed two is named.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, Protocol, TypeVar, cast

import curator
from curator.scan.crossing import packed_wanted, receive_outcomes
from curator.scan.reading import Outcome, Wanted, read_all

_READ_HERE = 512  # files; starting processes takes as long as reading some thousand
_PIPE_BYTES = 1 << 20
_ASKED_BYTES = 48 << 10  # questions a process has not begun: less than any pipe holds, so asking never waits
_MOST_WAITING = 1000
_COUNT = min(16, max(2, os.cpu_count() or 1))
_SET_PIPE_BYTES: int | None = getattr(fcntl, "F_SETPIPE_SZ", None)
_COMMAND = ["-m", "curator.scan.reader_process"]
_CRASHED = "its decoder crashed"


class Piece(Protocol):
    """Some files to read, and whatever else the asking side knows of them."""

    @property
    def wanted(self) -> list[Wanted]: ...


_P = TypeVar("_P", bound=Piece)


class Readers:
    """Reading processes of one scan. Use as a context manager."""

    def __init__(self) -> None:
        self._processes: list[_Process] = []
        self._left_here = _READ_HERE

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.end()

    def read(self, pieces: Iterable[_P]) -> Iterator[tuple[_P, list[Outcome]]]:
        """Each piece with what was read of it, in order; some pieces are asked for ahead."""
        waiting: deque[_Asked[_P]] = deque()
        for piece in pieces:
            asked = _Asked(piece)
            if piece.wanted and self._has_processes():
                question = packed_wanted(piece.wanted)
                while (process := self._with_room(len(question))) is None and self._processes:
                    yield self._answered(waiting.popleft())
                if process is not None:  # else the last one died
                    process.ask(question)
                    asked.process = process
            self._left_here -= len(piece.wanted)
            waiting.append(asked)
            while waiting and (waiting[0].process is None or len(waiting) > _MOST_WAITING):
                yield self._answered(waiting.popleft())
        while waiting:
            yield self._answered(waiting.popleft())

    def _has_processes(self) -> bool:
        """Whether it is time for them; started where it is."""
        if self._left_here <= 0 and not self._processes:
            self._processes = _started(_COUNT)
            if not self._processes:  # none to be had: this one reads everything
                self._left_here = sys.maxsize
        return bool(self._processes)

    def _with_room(self, size: int) -> _Process | None:
        least = min(self._processes, key=lambda each: each.waiting_bytes, default=None)
        if least and least.waiting_bytes and least.waiting_bytes + size > _ASKED_BYTES:
            return None
        return least

    def _answered(self, asked: _Asked[_P]) -> tuple[_P, list[Outcome]]:
        piece = asked.piece
        if asked.process is None:
            return piece, read_all(piece.wanted) if piece.wanted else []
        outcomes = asked.process.answer()
        if outcomes is None:
            return piece, [self._alone(wanted) for wanted in piece.wanted]
        return piece, outcomes

    def _alone(self, wanted: Wanted) -> Outcome:
        """Read one file of a process that died, in one that may die as well."""
        for dead in [each for each in self._processes if each.is_dead]:
            self._processes.remove(dead)
            dead.end()
            self._processes += _started(1)
        fresh = _started(1)
        if not fresh:  # it was not the file's fault
            return read_all([wanted])[0]
        fresh[0].ask(packed_wanted([wanted]))
        outcomes = fresh[0].answer()
        fresh[0].end()
        return outcomes[0] if outcomes else Outcome(reason=_CRASHED)


def _started(count: int) -> list[_Process]:
    """So many processes, less those that do not come up, all of which are known to answer."""
    processes: list[_Process] = []
    with suppress(OSError):  # no more of them, or no memory
        for _ in range(count):
            processes.append(_Process())  # noqa: PERF401 - those before the one that fails are to be kept
    for process in processes:
        process.ask(packed_wanted([]))
    well = [process for process in processes if process.answer() is not None]
    for process in processes:
        if process.is_dead:
            process.end()
    return well


@dataclass
class _Asked(Generic[_P]):
    """A piece that is being read; `process` is None where it is read here."""

    piece: _P
    process: _Process | None = None


class _Process:
    """One reading process. What it is asked and has not answered is kept in order."""

    def __init__(self) -> None:
        # The safe path: else a file called "json.py" among the pictures would be run instead of the real one.
        home = str(Path(curator.__path__[0]).parent)
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
        self._process = subprocess.Popen(
            [sys.executable, *_COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which ends the others
            env=environment,
        )
        self._questions = cast("BinaryIO", self._process.stdin)
        self._answers = cast("BinaryIO", self._process.stdout)
        self._asked: deque[int] = deque()
        self.is_dead = False
        if _SET_PIPE_BYTES is not None:
            for pipe in (self._questions, self._answers):
                with suppress(OSError):  # the system allows less
                    fcntl.fcntl(pipe, _SET_PIPE_BYTES, _PIPE_BYTES)

    @property
    def waiting_bytes(self) -> int:
        return sum(self._asked)

    def ask(self, question: bytes) -> None:
        """Ask without waiting."""
        self._asked.append(len(question))
        with suppress(BrokenPipeError):  # the answer will be missing
            self._questions.write(question)
            self._questions.flush()

    def answer(self) -> list[Outcome] | None:
        """The oldest answer; None where it died."""
        self._asked.popleft()
        outcomes = None if self.is_dead else receive_outcomes(self._answers)
        self.is_dead = outcomes is None
        return outcomes

    def end(self) -> None:
        """It may be in the middle of a file that nobody waits for any more."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._questions, self._answers):
            with suppress(OSError):
                pipe.close()
