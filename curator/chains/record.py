"""Record of a chain: what each step ran, on which inputs, and when it was done.

It lies in the chain's folder. A step counts as done while its command, its inputs, its outputs and the steps it builds
on are what they were.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Generator, Mapping, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Any, Literal

from curator.contract.errors import UserError
from curator.contract.files.whole_files import replace_file
from curator.contract.locations import CHAINS

if TYPE_CHECKING:
    from curator.chains.chain_file import Chain, Step

_VERSION = 1
Status = Literal["done", "to run", "changed", "broken off", "failed"]


@dataclass(frozen=True)
class StepRecord:
    """What is known of one step: `identity` is of its command, inputs and the steps before; `run` counts its runs."""

    words: tuple[str, ...]
    inputs: dict[str, str]
    identity: str
    run: int
    ended_s: float | None = None
    code: int | None = None


@dataclass(frozen=True)
class PlannedStep:
    """A step with what it is to the record, and why."""

    step: Step
    status: Status
    why: str
    identity: str
    inputs: Mapping[str, str]


@dataclass
class Record:
    """The record of one chain, written after each change."""

    folder: Path
    steps: dict[str, StepRecord] = field(default_factory=dict[str, StepRecord])

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "record.json"

    def log_of(self, step: Step) -> Path:
        """Where a step's output is kept."""
        return self.folder / f"{step.name}.log"

    @contextmanager
    def hold(self) -> Generator[int]:
        """Be the chain's one run while the `with` lasts; gives the lock's descriptor, for processes of steps to keep.

        Raises:
            UserError: it is run already, or a step of a run that was killed still goes on.
        """
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / "chain.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"the chain {self.folder.name} is running",
                    "wait until it is done, or stop it, and run it again",
                ) from error
            yield lock
        finally:
            os.close(lock)

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{self.folder} cannot be written to: {error.strerror}",
                "free space, or check the folder's rights",
            ) from error

    def keep(self, name: str, record: StepRecord) -> None:
        """Keep what is known of a step."""
        self.steps[name] = record
        rows = {each: asdict(known) for each, known in self.steps.items()}
        with self._writing():
            replace_file(self.path, json.dumps({"version": _VERSION, "steps": rows}, indent=1).encode())


def record_of(chain: Chain) -> Record:
    """The record of a chain as it is; an empty one where nothing was run.

    Raises:
        UserError: it is damaged, or of a newer Frieze.
    """
    record = Record(chain.folder / CHAINS / chain.name)
    try:
        loaded = json.loads(record.path.read_bytes())
        if loaded["version"] > _VERSION:
            raise UserError(f"{record.path} is of a newer Frieze", "update Frieze")
        record.steps = {name: _read(known) for name, known in loaded["steps"].items()}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{record.path} is damaged", "remove it: all steps are then run again") from error
    return record


def _read(known: dict[str, Any]) -> StepRecord:
    return replace(StepRecord(**known), words=tuple(known["words"]))


def planned(chain: Chain, record: Record, seen: dict[str, str] | None = None) -> list[PlannedStep]:
    """Each step with what would become of it, in order.

    What no step writes is looked at once for all calls with one `seen`: a folder of millions of images takes long.
    """
    found: dict[str, PlannedStep] = {}
    seen = {} if seen is None else seen
    made = {name for step in chain.steps for name in step.writes}
    missing = missing_inputs(chain)
    for step in chain.steps:
        for name in step.reads:
            if _is_below(name, made) or name not in seen:
                seen[name] = content_of(chain.folder / name)
        inputs = {name: seen[name] for name in step.reads}
        before = [found[name] for name in step.after]
        runs = {each.step.name: _run_of(each, record) for each in before}
        identity = _digest({"words": step.words, "inputs": inputs, "after": runs})
        known = record.steps.get(step.name)
        status, why = _status(step, identity, inputs, known, before) if known else ("to run", "")
        if status == "done" and (
            missing := [name for name in step.writes if not (chain.folder / name).exists()]
        ):
            status, why = "changed", f"{missing[0]} is gone"
        if absent := [name for name in inputs if name in missing]:
            why = f"{absent[0]} is not there yet"
        found[step.name] = PlannedStep(step, status, why, identity, inputs)
    return list(found.values())


def missing_inputs(chain: Chain) -> list[str]:
    """What steps read that is not there and that no step before them writes."""
    written: set[str] = set()
    missing: list[str] = []
    for step in chain.steps:
        missing += [
            name
            for name in step.reads
            if name not in missing and not _is_below(name, written) and not (chain.folder / name).exists()
        ]
        written.update(step.writes)
    return missing


def _is_below(name: str, written: Set[str]) -> bool:
    """Whether an earlier step writes it, or the folder that it is in."""
    return any(Path(name).is_relative_to(each) for each in written)


def _run_of(planned: PlannedStep, record: Record) -> int:
    known = record.steps.get(planned.step.name)
    return known.run if known else 0


def _status(
    step: Step, identity: str, inputs: Mapping[str, str], known: StepRecord, before: list[PlannedStep]
) -> tuple[Status, str]:
    if step.words != known.words:
        return "changed", "its command changed"
    if changed := [name for name, content in inputs.items() if known.inputs.get(name) != content]:
        return "changed", f"{changed[0]} changed"
    if waited := [each.step.name for each in before if each.status != "done"]:
        return "changed", f"{waited[0]} is run before"
    if identity != known.identity:
        return "changed", "a step it builds on was run again"
    if known.ended_s is None:
        return "broken off", "it was broken off"
    return ("failed", f"it ended with code {known.code}") if known.code else ("done", "")


def content_of(path: Path) -> str:
    """What tells the content of a file or folder: SHA-256 of a file; of a folder names, sizes and times below it.

    Of what is neither it is empty: a pipe would never end.

    Raises:
        UserError: a file that cannot be read.
    """
    try:
        stat = path.stat()
        if S_ISDIR(stat.st_mode):
            return _digest(sorted(_below(path)))
        return _sha256(path, stat.st_size, stat.st_mtime_ns) if S_ISREG(stat.st_mode) else ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "check its rights") from error


@cache
def _sha256(path: Path, _bytes: int, _changed_ns: int) -> str:
    """A file is read once while it stays as it is: base models have gigabytes, and each step asks again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _below(folder: Path) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for home, _, names in os.walk(folder):
        for name in names:
            path = Path(home, name)
            stat = path.lstat()
            found.append((str(path.relative_to(folder)), stat.st_size, stat.st_mtime_ns))
    return found


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
