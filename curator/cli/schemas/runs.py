"""Outputs about runs, and what a run would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from curator.cli.schemas.words import Doubt, Size


class RunRow(TypedDict):
    """One run, as the list has it."""

    name: str
    path: str
    status: str
    step: int
    total_steps: int
    loss: float | None
    created_at: str
    manifest: str
    failure: str | None
    pid: int | None
    log: str
    weights: str | None


class Evaluation(TypedDict):
    """The loss on fixed noise after a step."""

    step: int
    loss: float


class Checkpoint(TypedDict):
    """Weights that were written."""

    created_at: str
    at: float
    step: int
    path: str
    sha256: str


class SampleImage(TypedDict):
    """A sample image that was written."""

    created_at: str
    at: float
    step: int
    path: str
    prompt: str
    seed: int


class RunWarning(TypedDict):
    """What a run warned of, and what to do."""

    created_at: str
    at: float
    what: str
    hint: str


class LeftOutImage(TypedDict):
    """An image that a run could not use."""

    created_at: str
    at: float
    path: str
    reason: str


class RunReport(RunRow):
    """Everything a run tells."""

    schema: Literal["frieze/run/1"]
    recipe: str
    device: str | None
    processes: int
    phase: str | None
    epoch: int
    total_epochs: int
    smoothed_loss: float | None
    lr: Mapping[str, float]
    it_per_s: float | None
    images_per_s: float | None
    seconds_left: float | None
    memory_bytes: int
    asked: Sequence[str]
    hint: str | None
    evaluations: Sequence[Evaluation]
    checkpoints: Sequence[Checkpoint]
    samples: Sequence[SampleImage]
    warnings: Sequence[RunWarning]
    left_out: Sequence[LeftOutImage]
    damaged_lines: int


class RunStart(TypedDict):
    """A run that was started."""

    schema: Literal["frieze/run-start/1"]
    run: str
    path: str
    pid: int | None


class RunState(TypedDict):
    """How a run stands after it was waited for, or asked something."""

    schema: Literal["frieze/run-state/1"]
    run: str
    path: str
    action: str | None
    status: str
    step: int
    total_steps: int
    failure: str | None


class BucketSteps(TypedDict):
    """Steps of the first epoch in one bucket."""

    bucket: Size
    steps: int


class RunMemory(TypedDict):
    """Bytes that a process of a run would hold, by part; what the activations of a batch need comes on top."""

    unet_bytes: int
    text_encoder_bytes: int
    vae_bytes: int
    adapter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    average_bytes: int
    average_on_cpu: bool
    device_bytes: int


class TrainCheck(TypedDict):
    """How long a training would be, what it would hold in memory, and what is doubtful."""

    schema: Literal["frieze/train-check/1"]
    images: int
    samples_per_epoch: int
    effective_batch: int
    steps_per_epoch: int
    epochs: int
    steps: int
    buckets: Sequence[BucketSteps]
    memory: RunMemory | None
    doubts: Sequence[Doubt]
