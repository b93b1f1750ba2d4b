"""Outputs about model files and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from curator.cli.schemas.words import Doubt


class MergeReport(TypedDict):
    """A merge that was made, or would be."""

    schema: Literal["frieze/model-merge/1"]
    path: str
    toml: str
    family: str
    bytes: int
    merged: int
    copied: int
    only_in_first: Sequence[str]
    only_in_others: Mapping[str, Sequence[str]]
    overflowed: Mapping[str, int]
    doubts: Sequence[Doubt]
    dry_run: bool


class RestoreReport(TypedDict):
    """A model whose embeddings were put back."""

    schema: Literal["frieze/model-restore/1"]
    path: str
    restored: Sequence[str]
    bytes: int


class ModelFileReport(TypedDict):
    """What a model file says of itself."""

    schema: Literal["frieze/model-info/1"]
    path: str
    kind: str
    bytes: int
    tensors: int
    numbers: int
    dtypes: Mapping[str, int]
    prediction: str | None
    has_vae: bool
    ranks: Mapping[str, int]
    clients: Sequence[str]
    modelspec: Mapping[str, str]
    training: Mapping[str, str]
    trigger_words: Sequence[str]
    ancestors: Sequence[str]
    merge: str
    thumbnail_bytes: int
    metadata: Mapping[str, str]


class HashReport(TypedDict):
    """The hashes of a model file."""

    schema: Literal["frieze/model-hash/1"]
    path: str
    sha256: str
    autov2: str
    autov3: str
    tensors_sha256: str
    legacy: str


class BlockDifference(TypedDict):
    """How the tensors of a block differ."""

    block: str
    tensors: int
    different: int
    largest: float | None
    relative: float | None


class TensorDifference(TypedDict):
    """A tensor that differs."""

    tensor: str
    block: str
    largest: float | None
    relative: float | None


class ModelDiff(TypedDict):
    """How two models differ."""

    schema: Literal["frieze/model-diff/1"]
    equal: bool
    family: str
    blocks: Sequence[BlockDifference]
    different_tensors: Sequence[TensorDifference]
    only_in_first: Sequence[str]
    only_in_second: Sequence[str]
