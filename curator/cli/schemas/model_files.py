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
