"""Outputs about models that tag, score or caption images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict


class ModelRow(TypedDict):
    """A model: what it gives, how it is used, and where its files are."""

    name: str
    kind: str
    family: str
    about: str
    repo: str
    revision: str
    sha256: Mapping[str, str]
    weights: str
    labels: str
    more_files: Sequence[str]
    licence: str
    thresholds: Mapping[str, float]
    balance: float | None
    side: int
    fit: str
    pad: int
    filter: str
    channels: str
    divisor: float
    mean: Sequence[float]
    std: Sequence[float]
    activation: str
    positive: str
    weigh: Mapping[str, float]
    encoder: str
    encoder_revision: str
    url: str
    folder: str
    is_pinned: bool
    missing: Sequence[str]
    is_there: bool


class ModelReport(ModelRow):
    """One model."""

    schema: Literal["frieze/model/1"]


class FileOfModel(TypedDict):
    """A file of a model; `name` is its path in the model's folder."""

    name: str
    bytes: int
    sha256: str
    is_new: bool


class FetchReport(TypedDict):
    """The files of a model, all there now: those that were fetched are new."""

    schema: Literal["frieze/model-fetch/1"]
    model: str
    repo: str
    licence: str
    folder: str
    files: Sequence[FileOfModel]


class FailedImage(TypedDict):
    """An image that could not be used, and why."""

    path: str
    reason: str


class JobRow(TypedDict):
    """A job of a tag model."""

    job: str
    status: str
    model: str
    provider: str | None
    images: int
    done: int
    failed: Sequence[FailedImage]
    images_per_s: float | None
    seconds_left: float | None


class JobReport(JobRow):
    """One job."""

    schema: Literal["frieze/job/1"]


class JobRequest(TypedDict):
    """What a job was asked."""

    schema: Literal["frieze/job-request/1"]
    job: str
    action: str


class JobStarted(TypedDict):
    """A job that was started, or none where the model had answered for all of the images already.

    With `--hosts` it begins when each host has run its line of `commands`.
    """

    schema: Literal["frieze/job-started/1"]
    job: str | None
    model: str
    images: int
    answered: int
    commands: Sequence[str]


class ProposeReport(TypedDict):
    """What came of asking a model: `done` of `images` have its answers."""

    schema: Literal["frieze/propose/1"]
    model: str
    provider: str | None
    images: int
    done: int
    failed: Sequence[FailedImage]
    images_per_s: float | None


class ImageProposalsRow(TypedDict):
    """What a model says of one image: triples of tag, class and probability, and a pair of rating and probability.

    Of a captioner there is the caption as well.
    """

    id: int
    path: str
    tags: Sequence[Sequence[str | float]]
    rating: Sequence[str | float] | None
    caption: NotRequired[str]


class LabelCount(TypedDict):
    """How many images a tag would be accepted for."""

    name: str
    images: int


class AcceptReport(TypedDict):
    """What accepting proposals changed, by tag."""

    schema: Literal["frieze/accept/1"]
    matched: int
    answered: int
    changed: int
    dry_run: bool
    commit: int | None
    unknown_tags: Sequence[str]
    tags_added: Mapping[str, int]
    tags_removed: Mapping[str, int]
    no_tags: Sequence[str]
