"""The runs of a collection with a summary of each, without reading whole event logs."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar, get_args

from curator.contract.errors import UserError, did_you_mean, nearest
from curator.contract.run.event_log import end_of_events, read_events
from curator.contract.run.events import Event, Paused, Resumed, RunFailed, RunStarted, StepDone
from curator.contract.run.run_folder import RunFolder, RunInfo, Status

ListedStatus = Literal[
    "new", "queued", "running", "paused", "suspended", "finished", "stopped", "failed", "crashed"
]
STATUSES: tuple[ListedStatus, ...] = get_args(ListedStatus)
_Kind = TypeVar("_Kind", bound=Event)
PassedOver = Callable[[str, UserError], None]  # the name of a folder whose run cannot be read, and why
_DATE = re.compile(
    r"^\d{4}-\d\d-\d\d-"
)  # before the name in a run's folder: all there is where it is damaged
_EDGE_BYTES = 1 << 16  # some 250 events: enough to meet a step behind a few sample images


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs. `loss` is the last step's, None before the first.

    `failure` says why a failed run failed, `pid` is the process of a living one, `weights` the newest file of weights.
    """

    name: str
    path: Path
    status: ListedStatus
    step: int
    total_steps: int
    loss: float | None
    created_at: str
    manifest: str
    failure: str | None
    pid: int | None
    log: Path
    weights: Path | None

    @property
    def is_alive(self) -> bool:
        """Whether a worker works on it, or waits."""
        return self.status in ("running", "paused")


def list_runs(parent: Path, passed_over: PassedOver | None = None) -> list[RunSummary]:
    """The runs below `parent`, newest first. `passed_over` hears of those that are damaged."""
    summaries: list[RunSummary] = []
    for run, info in _runs_below(parent):
        try:
            summaries.append(_summary(run, _given(info)))
        except UserError as error:
            if passed_over:
                passed_over(run.path.name, error)
    return sorted(summaries, key=lambda each: (each.created_at, each.name), reverse=True)


def summary_of(run: RunFolder) -> RunSummary:
    """The same of one run.

    Raises:
        UserError: it is damaged.
    """
    return _summary(run, run.info())


def _summary(run: RunFolder, info: RunInfo) -> RunSummary:
    status = run.status()
    first, last = _edges(run.events_path)
    started = _newest((RunStarted,), last) or _newest((RunStarted,), first)
    # A run resumed from step 200 that has not trained a step yet stands at 200, not where it crashed.
    newest = _newest((RunStarted, StepDone), last) or started
    done = _newest((StepDone,), last)
    failed = _newest((RunFailed,), last) if status == "failed" else None
    return RunSummary(
        run.path.name,
        run.path,
        _listed(status, last),
        newest.step if newest else info.from_step,
        started.total_steps if started else 0,
        done.loss if done else None,
        info.created_at,
        info.manifest,
        failed.what if failed else None,
        run.worker_pid() if status == "running" else None,
        run.log_path,
        newest_weights(run),
    )


def run_folders(parent: Path) -> list[RunFolder]:
    """The runs below `parent`, by name, damaged ones too."""
    folders = sorted(parent.iterdir()) if parent.is_dir() else []
    return [run for run in map(RunFolder, folders) if os.path.lexists(run.info_path)]


def _listed(status: Status, last: Sequence[Event]) -> ListedStatus:
    """The status, told by the newest events where the run is paused."""
    if status != "running":
        return status
    newest = _newest((Paused, Resumed, RunStarted), last)
    return "paused" if isinstance(newest, Paused) else "running"


def newest_weights(run: RunFolder) -> Path | None:
    """The file of weights written last; a run that was killed may have written more than its events tell."""
    files: list[tuple[int, str, Path]] = []
    with suppress(OSError):  # the folder is gone, or no folder; a file may go while we look
        for file in run.output_dir.glob("*.safetensors"):
            about = file.stat()
            if stat.S_ISREG(about.st_mode):
                files.append((about.st_mtime_ns, file.name, file))
    return max(files)[-1] if files else None


def find_run(parent: Path, name: str) -> RunFolder:
    """The run called `name`: a folder, a folder's name below `parent`, a run's own name, or a unique beginning.

    Of several runs of one name it is the one that lives, else the newest.

    Raises:
        UserError: none or several; the hint names the nearest or all of them. Or it is damaged.
    """
    if "/" in name or RunFolder(Path(name)).info_path.is_file():
        run = RunFolder(Path(name))
        run.info()
        return run
    runs = {run.path.name: info for run, info in _runs_below(parent)}
    known = {
        folder: info.name if isinstance(info, RunInfo) else _DATE.sub("", folder)
        for folder, info in runs.items()
    }
    matches = _matching(known, name)
    if len({known[folder] for folder in matches}) == 1:
        matches = _living_or_newest(parent, {folder: runs[folder] for folder in matches})
    if len(matches) == 1:
        _given(runs[matches[0]])
        return RunFolder(parent / matches[0])
    if matches:
        raise UserError(f"'{name}' means several runs", "give more of the name: " + ", ".join(matches))
    raise UserError(f"there is no run '{name}' in {parent}", _other_names(known, name))


def _other_names(known: Mapping[str, str], name: str) -> str:
    """A hint: the name or folder that is like `name`, else the runs, each by its name alone."""
    if not known:
        return "start one with 'frieze train'"
    near = nearest(name, (*known, *known.values()))
    return f"did you mean '{near}'?" if near else did_you_mean(name, set(known.values()))


def _living_or_newest(parent: Path, same: dict[str, RunInfo | UserError]) -> list[str]:
    """Of the folders of runs of one name: those that live, else the newest."""
    living = [folder for folder in same if RunFolder(parent / folder).status() == "running"]
    made = {folder: info.created_at for folder, info in same.items() if isinstance(info, RunInfo)}
    return living or sorted(same, key=lambda folder: (_moment(made.get(folder, "")), _number(folder)))[-1:]


def _moment(created_at: str) -> float:
    return datetime.fromisoformat(created_at).timestamp() if created_at else 0.0


def _number(folder: str) -> int:
    """Runs of one name and day are numbered from 2 on: `2025-03-01-cats-10` is newer than `...-cats-9`."""
    digits = folder.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 1


def _matching(known: dict[str, str], name: str) -> list[str]:
    """Folder names that `name` means: exactly one where it is a folder's or a run's whole name."""
    if name in known:
        return [name]
    same = [folder for folder, own in known.items() if own == name]
    return same or sorted(f for f, own in known.items() if f.startswith(name) or own.startswith(name))


def _runs_below(parent: Path) -> Iterator[tuple[RunFolder, RunInfo | UserError]]:
    """Every run's folder with what it says of itself, or why it cannot be read."""
    for run in run_folders(parent):
        try:
            yield run, run.info()
        except UserError as error:
            yield run, error


def _given(info: RunInfo | UserError) -> RunInfo:
    if isinstance(info, UserError):
        raise info
    return info


def _newest(kinds: tuple[type[_Kind], ...], events: Sequence[Event]) -> _Kind | None:
    return next((event for event in reversed(events) if isinstance(event, kinds)), None)


def _edges(path: Path) -> tuple[list[Event], list[Event]]:
    """The events at the beginning and at the end of a log."""
    end = end_of_events(path)
    last = read_events(path, max(end - _EDGE_BYTES, 0)).events
    return (last if end <= _EDGE_BYTES else read_events(path, 0, _EDGE_BYTES).events), last
