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


class BakedAdapter(TypedDict):
    """An adapter of a bake: its modules in the model, and those the model has not."""

    adapter: str
    ratio: str
    modules: int
    unmatched: Sequence[str]


class LayerVerdict(TypedDict):
    """A layer on random inputs: the largest difference of live and baked, what rounding allows, the largest output."""

    module: str
    tensor: str
    largest: float
    output: float
    allowed: float


class BakeVerdict(TypedDict):
    """All layers that adapters change, the least certain first."""

    holds: bool
    largest: float
    largest_relative: float
    layers: Sequence[LayerVerdict]


class BakeReport(TypedDict):
    """A bake that was made, or would be; `verified` is null without --verify."""

    schema: Literal["frieze/model-bake/1"]
    path: str
    toml: str
    family: str
    bytes: int
    baked: int
    copied: int
    adapters: Sequence[BakedAdapter]
    overflowed: Mapping[str, int]
    doubts: Sequence[Doubt]
    verified: BakeVerdict | None
    dry_run: bool


class JoinReport(TypedDict):
    """Adapters that were joined to one; of the layers those that lost most."""

    schema: Literal["frieze/model-join/1"]
    path: str
    toml: str
    family: str
    bytes: int
    sha256: str
    error: float
    kept_share: float
    whole_tensors: int
    layers: Sequence[AdapterLayer]
    doubts: Sequence[Doubt]


class ConvertReport(TypedDict):
    """A model or an adapter that was converted; `layers` are of an adapter whose kind was changed."""

    schema: Literal["frieze/model-convert/1"]
    of: Literal["model", "adapter"]
    path: str
    family: str
    bytes: int
    sha256: str
    error: float
    kept_share: float
    averaged: int
    dropped: Sequence[str]
    overflowed: Mapping[str, int]
    layers: Sequence[AdapterLayer]
    doubts: Sequence[Doubt]


class RestoreReport(TypedDict):
    """A model whose embeddings were put back."""

    schema: Literal["frieze/model-restore/1"]
    path: str
    restored: Sequence[str]
    bytes: int


class AdapterLayer(TypedDict):
    """A layer of an adapter that was extracted or resized."""

    name: str
    rank: int
    rank_before: int | None
    error: float
    kept_share: float


class OutsideTensors(TypedDict):
    """What differs between two models, and the adapter does not change."""

    tensors: int
    examples: Sequence[str]
    share: float


class ExtractReport(TypedDict):
    """An adapter made of the difference of two models."""

    schema: Literal["frieze/model-extract/1"]
    path: str
    kind: str
    family: str
    bytes: int
    sha256: str
    error: float
    kept_share: float
    unchanged_layers: int
    randomised_layers: int
    whole_tensors: int
    layers: Sequence[AdapterLayer]
    outside: OutsideTensors
    doubts: Sequence[Doubt]


class ResizeReport(TypedDict):
    """A LoRA that was cut to fewer ranks."""

    schema: Literal["frieze/model-resize/1"]
    path: str
    bytes: int
    sha256: str
    error: float
    kept_share: float
    whole_tensors: int
    layers: Sequence[AdapterLayer]
    doubts: Sequence[Doubt]


class ModelComponent(TypedDict):
    """A part of a diffusers folder, by the weights of it that are read."""

    name: str
    kind: str
    files: Sequence[str]
    bytes: int
    tensors: int
    numbers: int
    dtypes: Mapping[str, int]


class ModelFileReport(TypedDict):
    """What a model says of itself; only a folder has components."""

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
    components: Sequence[ModelComponent]


class HashReport(TypedDict):
    """The hashes of a model file; or of a folder, whose files have theirs by path, and which has no short ones."""

    schema: Literal["frieze/model-hash/1"]
    path: str
    sha256: str
    autov2: str | None
    autov3: str | None
    tensors_sha256: str | None
    legacy: str | None
    files: Mapping[str, str]


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
