"""Outputs about what is published, fetched from the hub, and where models come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict


class FileSize(TypedDict):
    """A file of a repository."""

    name: str
    bytes: int


class PublicationPlan(TypedDict):
    """What would be published."""

    schema: Literal["frieze/publication-plan/1"]
    path: str
    repo: str
    revision: str
    public: bool
    files: Sequence[FileSize]
    card: str
    edited: Sequence[str]
    taken_out: Sequence[str]
    doubts: Sequence[str]


class PublishReport(TypedDict):
    """What was published, or is being uploaded."""

    schema: Literal["frieze/publish/1"]
    path: str
    repo: str
    revision: str
    public: bool
    folder: str
    status: str
    address: str | None


class FetchedRun(TypedDict):
    """A run made of a state of the hub."""

    schema: Literal["frieze/run-fetch/1"]
    run: str
    path: str
    repo: str
    revision: str
    step: int
    doubts: Sequence[str]


class OriginSubset(TypedDict):
    """A subset that a model was trained on, and the filter that chose its images."""

    name: str
    filter: str
    repeats: float
    images: int
    is_reg: bool
    meanings: Mapping[str, str]


class OriginNode(TypedDict):
    """A model in the tree of another's ancestors; `parent` is the number of the one it is an ancestor of."""

    number: int
    parent: int | None
    role: str
    name: str
    sha256: str | None
    path: str | None
    made_by: str
    recipe: str | None
    run: str | None
    run_folder: str | None
    manifest: str | None
    digest: str | None
    frozen_at: str | None
    funnel: Mapping[str, int]
    subsets: Sequence[OriginSubset]
    unknown: Sequence[str]


class OriginReport(TypedDict):
    """Where a model comes from."""

    schema: Literal["frieze/model-explain/1"]
    path: str
    models: Sequence[OriginNode]
