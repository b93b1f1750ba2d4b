"""Events of a run: one small dataclass per kind, one JSON line each.

A dashboard is only a reader of these lines; `docs/events.md` lists them for other programs. `at` is seconds
since 1970; steps count from 1; paths are relative to the run folder.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from curator.contract.errors import UserError
from curator.contract.files.json_data import checked, object_of, to_json


@dataclass(frozen=True)
class RunStarted:
    """The worker has everything it needs and begins after `step` (0: from the start)."""

    kind: ClassVar[str] = "run_started"
    at: float
    step: int
    total_steps: int
    total_epochs: int
    resumed: bool
    pid: int
    device: str
    processes: int


@dataclass(frozen=True)
class PhaseStarted:
    """A stretch of work begins, such as "caching latents"; `total` counts its parts where that is known."""

    kind: ClassVar[str] = "phase_started"
    at: float
    name: str
    total: int | None = None


@dataclass(frozen=True)
class Progress:
    """How far the phase is."""

    kind: ClassVar[str] = "progress"
    at: float
    phase: str
    done: int
    total: int


@dataclass(frozen=True)
class StepDone:
    """One step. `epoch` counts from 1; `lr` by group, `memory_bytes` at most.
    `seconds` count the wait for the step's images, but no saving, evaluating, sampling or pause.
    `reg_loss` is of the step's regularisation images alone, weighted as in `loss`; None where it had none.
    """

    kind: ClassVar[str] = "step_done"
    at: float
    step: int
    epoch: int
    loss: float
    lr: dict[str, float]
    grad_norm: float
    images: int
    seconds: float
    memory_bytes: int
    reg_loss: float | None = None


@dataclass(frozen=True)
class Evaluated:
    """Loss on fixed images, noise and timesteps after `step` steps: of trained images, or of those `held_out`.

    `bands` are the means of four equal parts of the timesteps, the one with the least noise first; `subsets` those of
    each subset's images.
    """

    kind: ClassVar[str] = "evaluated"
    at: float
    step: int
    loss: float
    images: int
    held_out: bool = False
    bands: tuple[float, ...] = ()
    subsets: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class SampleMade:
    """A sample image was written."""

    kind: ClassVar[str] = "sample_made"
    at: float
    step: int
    path: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class CheckpointSaved:
    """Weights were written."""

    kind: ClassVar[str] = "checkpoint_saved"
    at: float
    step: int
    path: str
    sha256: str


@dataclass(frozen=True)
class StateSaved:
    """All that an exact resume needs was written."""

    kind: ClassVar[str] = "state_saved"
    at: float
    step: int
    path: str


@dataclass(frozen=True)
class ImageQuarantined:
    """An image could not be used; the run goes on without it."""

    kind: ClassVar[str] = "image_quarantined"
    at: float
    path: str
    reason: str


@dataclass(frozen=True)
class Warned:
    """Something a user should know, and what to do about it."""

    kind: ClassVar[str] = "warned"
    at: float
    what: str
    hint: str


@dataclass(frozen=True)
class Uploaded:
    """Weights are on the hub, in that repository; `address` leads to the commit."""

    kind: ClassVar[str] = "uploaded"
    at: float
    path: str
    repo: str
    address: str


@dataclass(frozen=True)
class RequestTaken:
    """A request (pause, resume, save, sample, stop, suspend) was read."""

    kind: ClassVar[str] = "request_taken"
    at: float
    action: str


@dataclass(frozen=True)
class RequestMissed:
    """A request came too late: nobody heeded it before the worker ended."""

    kind: ClassVar[str] = "request_missed"
    at: float
    action: str


@dataclass(frozen=True)
class Paused:
    """The run waits, in memory, after `step`."""

    kind: ClassVar[str] = "paused"
    at: float
    step: int


@dataclass(frozen=True)
class Resumed:
    """The run goes on after a pause."""

    kind: ClassVar[str] = "resumed"
    at: float
    step: int


@dataclass(frozen=True)
class RunFailed:
    """The run cannot go on: what happened, and what to do."""

    kind: ClassVar[str] = "run_failed"
    at: float
    what: str
    hint: str


@dataclass(frozen=True)
class RunEnded:
    """The worker's last words: "finished", "stopped", "suspended" or "failed", after `step` steps."""

    kind: ClassVar[str] = "run_ended"
    at: float
    how: str
    step: int


Event = (
    RunStarted
    | PhaseStarted
    | Progress
    | StepDone
    | Evaluated
    | SampleMade
    | CheckpointSaved
    | StateSaved
    | ImageQuarantined
    | Warned
    | Uploaded
    | RequestTaken
    | RequestMissed
    | Paused
    | Resumed
    | RunFailed
    | RunEnded
)

_KINDS: dict[str, type[Event]] = {kind.kind: kind for kind in Event.__args__}


def to_line(event: Event) -> str:
    """One line of JSON without its newline. A loss that is no number is written as null."""
    return to_json({"kind": event.kind, **asdict(event)})


def from_line(line: str) -> Event | None:
    """The event of a line; None for a kind this version does not know, which a reader passes over.

    Raises:
        UserError: the line is no event at all.
    """
    try:
        about = object_of(line)
        name = about["kind"]
        if not isinstance(name, str):
            raise TypeError(name)
        return _event(_KINDS[name], about) if name in _KINDS else None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError("a line of the event log is damaged", "the rest of the log is still shown") from error


def _event(kind: type[Event], about: dict[str, Any]) -> Event:
    for name in ("loss", "grad_norm"):
        if name in about and about[name] is None:
            about[name] = math.nan
    for name in ("lr", "subsets"):
        if isinstance(about.get(name), dict):
            about[name] = {key: math.nan if value is None else value for key, value in about[name].items()}
    if isinstance(about.get("bands"), list):
        about["bands"] = [math.nan if value is None else value for value in about["bands"]]
    return checked(kind, about, passes_over=True)  # a later version may say more; that is no mistake
