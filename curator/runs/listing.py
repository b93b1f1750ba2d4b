"""Decides which runs there are and what one line says of each, without reading whole event logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from curator.contract.errors import UserError, did_you_mean
from curator.contract.event_log import read_events
from curator.contract.events import Event, RunStarted, StepDone, from_line
from curator.contract.run_folder import RunFolder, Status, read_json

_Kind = TypeVar("_Kind", bound=RunStarted | StepDone)
_EDGE_BYTES = 1 << 16  # some 250 events: enough to meet a step behind a few sample pictures


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


def list_runs(parent: Path) -> list[RunSummary]:
    """The runs below `parent`, newest first. A folder that is no run is passed over."""
    summaries = [summary_of(run) for run in _runs_below(parent)]
    return sorted(summaries, key=lambda each: (each.created_at, each.name), reverse=True)


def summary_of(run: RunFolder) -> RunSummary:
    """What one line says of `run`.

    Raises:
        UserError: the folder is no run.
    """
    info = run.info()
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


def find_run(parent: Path, name: str) -> RunFolder:
    """The run called `name`: a folder, a folder's name below `parent`, a run's own name, or a unique beginning.

    Raises:
        UserError: none or several; the hint names the nearest or all of them.
    """
    if "/" in name or (Path(name) / "run.json").is_file():
        run = RunFolder(Path(name))
        run.info()
        return run
    known = {run.path.name: run.info().name for run in _runs_below(parent)}
    matches = _matching(known, name)
    if len(matches) == 1:
        return RunFolder(parent / matches[0])
    if matches:
        raise UserError(f"several runs begin with '{name}'", "give more of the name: " + ", ".join(matches))
    hint = did_you_mean(name, {*known, *known.values()}) if known else "start one with 'frieze train'"
    raise UserError(f"there is no run '{name}' in {parent}", hint)


def _matching(known: dict[str, str], name: str) -> list[str]:
    """Folder names that `name` means: exactly one where it is a folder's or a run's whole name."""
    if name in known:
        return [name]
    same = [folder for folder, own in known.items() if own == name]
    return same or sorted(f for f, own in known.items() if f.startswith(name) or own.startswith(name))


def _runs_below(parent: Path) -> list[RunFolder]:
    files = sorted(parent.glob("*/run.json"))
    return [RunFolder(file.parent) for file in files if read_json(file) is not None]


def _newest(kinds: tuple[type[_Kind], ...], events: Sequence[Event]) -> _Kind | None:
    return next((event for event in reversed(events) if isinstance(event, kinds)), None)


def _edges(path: Path) -> tuple[list[Event], list[Event]]:
    """The events at the beginning and at the end of a log."""
    try:
        size = path.stat().st_size
    except OSError:
        return [], []
    last, _ = read_events(path, max(size - _EDGE_BYTES, 0))
    if size <= _EDGE_BYTES:
        return last, last
    return _beginning(path), last


def _beginning(path: Path) -> list[Event]:
    with path.open("rb") as file:
        lines = file.read(_EDGE_BYTES).decode("utf-8", "replace").splitlines()[:-1]
    found: list[Event] = []
    for line in lines:
        try:
            event = from_line(line)
        except UserError:
            continue
        found += [event] if event else []
    return found
