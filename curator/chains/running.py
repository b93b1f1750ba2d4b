"""Run of a chain: the steps that are not done, one after another, each a process of its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from curator.chains.record import PlannedStep, Record, StepRecord, planned
from curator.contract.errors import UserError
from curator.contract.files.whole_files import drafted_file

if TYPE_CHECKING:
    from curator.chains.chain_file import Chain

COMMAND: Sequence[str] = (sys.executable, "-m", "curator")
_TAIL_LINES = 5

Event = Literal["again", "begins", "done"]
Hear = Callable[[PlannedStep, Event], None]
"""Told of steps that were run and will be run again ("again"), all of them before the first begins; then of each that
begins ("begins") or is done already ("done")."""


def run_chain(chain: Chain, record: Record, hear: Hear, line: Callable[[str], None], until: str = "") -> int:
    """Run what is not done, up to the step `until` or to the end; gives how many steps were run.

    A step that was broken off is gone on with by its `resume`, where it has one.

    Raises:
        UserError: a step fails; the steps before it stay done.
    """
    last = chain.named(until).name if until else chain.steps[-1].name
    count = 0
    seen: dict[str, str] = {}
    with record.hold() as lock:
        for now in _up_to(last, planned(chain, record, seen)):
            if now.status == "changed":
                hear(now, "again")
        for at in range(len(chain.steps)):
            now = planned(chain, record, seen)[at]  # steps before it may have written what this one reads
            if now.status == "done":
                hear(now, "done")
            else:
                _refuse_missing(now, chain.folder)
                hear(now, "begins")
                _run(now, chain, record, line, lock)
                count += 1
            if now.step.name == last:
                break
    return count


def _up_to(last: str, plan: Sequence[PlannedStep]) -> Sequence[PlannedStep]:
    return plan[: [now.step.name for now in plan].index(last) + 1]


def shown(words: Sequence[str]) -> str:
    """A step's command as one would type it."""
    return shlex.join(["frieze", *words])


def _refuse_missing(now: PlannedStep, folder: Path) -> None:
    for name, content in now.inputs.items():
        if not content:
            raise UserError(
                f"the step {now.step.name} reads {name}, which is no file or folder that is there",
                f"put it into {folder}, or give its place with --set",
            )


def _run(now: PlannedStep, chain: Chain, record: Record, line: Callable[[str], None], lock: int) -> None:
    step = now.step
    known = record.steps.get(step.name)
    words = step.resume if now.status == "broken off" and step.resume else step.words
    begun = StepRecord(step.words, dict(now.inputs), now.identity, (known.run if known else 0) + 1)
    record.keep(step.name, begun)
    command = _Command([*COMMAND, *words], chain.folder, record.log_of(step), lock)
    code = command.printing_to(chain.folder / step.prints, line) if step.prints else command.run(line)
    record.keep(step.name, replace(begun, ended_s=time.time(), code=code))
    if code:
        raise UserError(
            f"the step {step.name} ended with code {code}: {_last_words(record.log_of(step))}",
            f"its output is in {record.log_of(step)}; mend what it says, and run the chain again: it goes on here",
        )
    for name in step.writes:
        if not (chain.folder / name).exists():
            record.keep(step.name, replace(begun, ended_s=time.time(), code=1))
            raise UserError(
                f"the step {step.name} was to write {name}, and did not",
                "name what it writes in the chain's file",
            )


class _FailedError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class _Command:
    """A step's process; it keeps the lock: while it lives, nobody runs the chain, even if we are killed."""

    command: Sequence[str]
    folder: Path
    log: Path
    lock: int

    def run(self, line: Callable[[str], None]) -> int:
        """Its code; its output goes to the log and line by line to `line`. An interrupt reaches it as well."""
        with self._started(subprocess.PIPE, subprocess.STDOUT) as process:
            self._follow(process.stdout, line)
        return process.returncode

    def printing_to(self, file: Path, line: Callable[[str], None]) -> int:
        """As `run`, its stdout to a file, which is written only where it ends with 0.

        Raises:
            UserError: the file cannot be written.
        """
        try:
            with drafted_file(file) as draft:
                with draft.open("wb") as out, self._started(out.fileno(), subprocess.PIPE) as process:
                    self._follow(process.stderr, line)
                if process.returncode:
                    raise _FailedError(process.returncode)
        except _FailedError as failed:
            return failed.code
        except OSError as error:
            raise UserError(
                f"{file} cannot be written to: {error.strerror}", "free space, or check the folder's rights"
            ) from error
        return 0

    def _started(self, out: int, err: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            text=True, encoding="utf-8", errors="replace", pass_fds=(self.lock,),
        )  # fmt: skip

    def _follow(self, said: IO[str] | None, line: Callable[[str], None]) -> None:
        with self.log.open("w", encoding="utf-8") as kept:
            for text in said or ():
                kept.write(text)
                kept.flush()
                line(text.rstrip("\n"))


def _last_words(log: Path) -> str:
    lines = [text.strip() for text in log.read_text("utf-8", errors="replace").splitlines() if text.strip()]
    return " / ".join(lines[-_TAIL_LINES:]) or "it said nothing"
