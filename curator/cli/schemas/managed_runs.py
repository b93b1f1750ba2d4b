"""Outputs about runs in the queue, side by side, by image, renamed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from curator.cli.schemas.manifests import ManifestDiff
from curator.cli.schemas.training import KeyChange


class QueuedRun(TypedDict):
    """A run in the queue; `state` is waiting, starting, working or held."""

    run: str
    path: str
    device: str
    host: str
    state: str
    reason: str | None
    tries: int
    retries: int
    processes: int
    created_at: str


class RunPlace(TypedDict):
    """A run that was put in the queue."""

    schema: Literal["frieze/run-place/1"]
    run: str
    path: str
    device: str
    place: int


class ComparedRun(TypedDict):
    """One of two runs that are compared."""

    name: str
    path: str
    status: str
    step: int
    total_steps: int
    images_per_s: float | None
    device: str | None


class ComparedLosses(TypedDict):
    """The losses of two runs after a step; null where one has none there."""

    step: int
    first: float | None
    second: float | None


class RunComparison(TypedDict):
    """Two runs side by side. `hint` says why data cannot be compared; training losses are smoothed."""

    schema: Literal["frieze/run-comparison/1"]
    sides: Sequence[ComparedRun]
    knobs: Sequence[KeyChange]
    same_data: bool
    data: ManifestDiff | None
    hint: str | None
    training_losses: Sequence[ComparedLosses]
    noise_losses: Sequence[ComparedLosses]
    validation_losses: Sequence[ComparedLosses]


class ImageLossRow(TypedDict):
    """The loss of one image, and in either half of the run; null where it was not trained there."""

    path: str
    subset: str
    seen: int
    loss: float
    early: float | None
    late: float | None


class SubsetLossRow(TypedDict):
    """The mean loss of a subset's images."""

    subset: str
    images: int
    loss: float
    early: float | None
    late: float | None


class RunLosses(TypedDict):
    """The images that a run never fits, those it may have memorised, and its subsets."""

    schema: Literal["frieze/run-losses/1"]
    run: str
    images: int
    loss: float
    least_seen: int
    highest: Sequence[ImageLossRow]
    lowest: Sequence[ImageLossRow]
    subset_means: Sequence[SubsetLossRow]


class RunDeletion(TypedDict):
    """What a run held that was, or would be, deleted."""

    schema: Literal["frieze/run-deletion/1"]
    run: str
    path: str
    deleted: bool
    weights_kept: int
    weights_files: int
    states_saved: int
    sample_images: int
    bytes: int


class RunExport(TypedDict):
    """Weights of a run that were copied to a place."""

    schema: Literal["frieze/run-export/1"]
    run: str
    weights: str
    path: str
    bytes: int


class RunName(TypedDict):
    """A run that was renamed."""

    schema: Literal["frieze/run-name/1"]
    before: str
    run: str
    path: str
