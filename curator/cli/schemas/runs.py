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


class Validation(Evaluation):
    """The loss of images held out: in all, from little noise to much, and of each subset."""

    images: int
    bands: Sequence[float]
    subset_losses: Mapping[str, float]


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


class ForkedFrom(TypedDict):
    """The run and step a fork goes on from; `differences` are what changes its weights."""

    run: str
    step: int
    differences: Sequence[str]


class PublishedFile(TypedDict):
    """Weights that are on the hub."""

    created_at: str
    at: float
    path: str
    address: str


class RunUpload(TypedDict):
    """What became of a run's uploads to one repository."""

    repo: str
    status: str
    published: Sequence[PublishedFile]
    failure: str | None
    hint: str | None
    warnings: Sequence[RunWarning]


class RunReport(RunRow):
    """Everything a run tells."""

    schema: Literal["frieze/run/1"]
    recipe: str
    forked_from: ForkedFrom | None
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
    validations: Sequence[Validation]
    checkpoints: Sequence[Checkpoint]
    samples: Sequence[SampleImage]
    warnings: Sequence[RunWarning]
    left_out: Sequence[LeftOutImage]
    damaged_lines: int
    uploads: Sequence[RunUpload]


class StepDifference(TypedDict):
    """Where a replay first differs from what is on record: a loss, a gradient's norm, or a tensor by its name."""

    step: int
    what: str


class ReplayReport(TypedDict):
    """Steps of a run trained once more and compared.

    `states` are the steps of the saved states compared with; where there is none, `resumed_at` is the step at which
    the second of two replays was resumed, else 0.
    """

    schema: Literal["frieze/run-replay/1"]
    run: str
    equal: bool
    from_step: int
    to_step: int
    resumed_at: int
    losses: int
    tensors: int
    states: Sequence[int]
    first_difference: StepDifference | None


class RunStart(TypedDict):
    """A run that was started, or made for several machines to begin."""

    schema: Literal["frieze/run-start/1"]
    run: str
    path: str
    pid: int | None
    begin: str | None


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
    text_encoders_on_cpu: bool
    vae_on_cpu: bool
    average_on_cpu: bool
    device_bytes: int


class WorkPeaks(TypedDict):
    """The most memory that each piece of work held, in bytes; 0 where it was not done, or nobody tells."""

    train_bytes: int
    sample_bytes: int
    save_bytes: int


class RunProposal(TypedDict):
    """Keys of a recipe to set where a batch does not fit."""

    values: Mapping[str, str | int | bool]
    saves_bytes: int | None
    cost: str


class RunOutlook(TypedDict):
    """A run tried out: two steps at the largest bucket, a sample and a save, and what they foretell."""

    fits: bool
    obstacles: Sequence[str]
    proposals: Sequence[RunProposal]
    device: str
    bucket: Size
    images_at_once: int
    max_batch: int | None
    step_seconds: float | None
    images_per_second: float | None
    steps: int
    total_seconds: float | None
    caching_seconds: float
    training_seconds: float | None
    sampling_seconds: float
    saving_seconds: float
    evaluating_seconds: float
    device_peaks: WorkPeaks
    host_peaks: WorkPeaks
    free_bytes: int
    weights_bytes: int
    state_bytes: int
    cache_bytes: int
    cache_disk_bytes: int
    disk_bytes: int
    disk_free_bytes: int


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
    outlook: RunOutlook | None


class JudgedSide(TypedDict):
    """Losses on fixed noise: of all images, and of each subset by band."""

    loss: float | None
    images: int
    bands: Sequence[float | None]
    subsets: Mapping[str, Sequence[float | None]]


class JudgedFile(TypedDict):
    """Saved weights, and their losses."""

    step: int
    path: str
    on_trained: JudgedSide | None
    on_held_out: JudgedSide | None
    fault: str


class JudgedSample(TypedDict):
    """A sample, and the training image most like it."""

    step: int
    path: str
    prompt: str
    nearest: str | None
    distance: int | None
    mirrored: bool
    memorised: bool
    clip: float | None


class RunJudgement(TypedDict):
    """The saved weights of a run, judged."""

    schema: Literal["frieze/run-judgement/1"]
    run: str
    images: int
    validation_images: int
    weights: Sequence[JudgedFile]
    least_loss: str | None
    samples: Sequence[JudgedSample]
