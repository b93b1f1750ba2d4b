"""The runs of a collection with a summary of each, without reading whole event logs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from curator.contract.errors import UserError, did_you_mean
from curator.contract.run.event_log import end_of_events, read_events
from curator.contract.run.events import Event, RunStarted, StepDone
from curator.contract.run.run_folder import RunFolder, RunInfo, Status
from curator.contract.text import visible

_Kind = TypeVar("_Kind", bound=RunStarted | StepDone)
PassedOver = Callable[[str, UserError], None]  # the name of a folder whose run cannot be read, and why
_EDGE_BYTES = 1 << 16  # some 250 events: enough to meet a step behind a few sample images


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs. `loss` is the last step's, None before the first."""

    name: str
    path: Path
    status: Status
    step: int
    total_steps: int
    loss: float | None
    created_at: str
    manifest: str


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


def _summary(run: RunFolder, info: RunInfo) -> RunSummary:
    status = run.status()
    first, last = _edges(run.events_path)
    started = _newest((RunStarted,), last) or _newest((RunStarted,), first)
    # A run resumed from step 200 that has not trained a step yet stands at 200, not where it crashed.
    newest = _newest((RunStarted, StepDone), last) or started
    done = _newest((StepDone,), last)
    return RunSummary(
        run.path.name,
        run.path,
        status,
        newest.step if newest else 0,
        started.total_steps if started else 0,
        done.loss if done else None,
        info.created_at,
        info.manifest,
    )


def run_folders(parent: Path) -> list[RunFolder]:
    """The runs below `parent`, by name, damaged ones too."""
    folders = sorted(parent.iterdir()) if parent.is_dir() else []
    return [run for run in map(RunFolder, folders) if os.path.lexists(run.info_path)]


def find_run(parent: Path, name: str) -> RunFolder:
    """The run called `name`: a folder, a folder's name below `parent`, a run's own name, or a unique beginning.

    Raises:
        UserError: none or several; the hint names the nearest or all of them. Or it is damaged.
    """
    if "/" in name or RunFolder(Path(name)).info_path.is_file():
        run = RunFolder(Path(name))
        run.info()
        return run
    runs = {run.path.name: info for run, info in _runs_below(parent)}
    known = {folder: info.name if isinstance(info, RunInfo) else folder for folder, info in runs.items()}
    matches = _matching(known, name)
    if len(matches) == 1:
        _given(runs[matches[0]])
        return RunFolder(parent / matches[0])
    if matches:
        raise UserError(
            f"several runs begin with '{visible(name)}'", "give more of the name: " + ", ".join(matches)
        )
    hint = did_you_mean(name, {*known, *known.values()}) if known else "start one with 'frieze train'"
    raise UserError(f"there is no run '{visible(name)}' in {visible(str(parent))}", hint)


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
