"""Outputs about models that tag, score or caption images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict


class ModelRow(TypedDict):
    """A model: what it gives, how it is used, and where its files are."""

    name: str
    kind: str
    family: str
    about: str
    repo: str
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
    url: str
    folder: str
    missing: Sequence[str]


class ModelReport(ModelRow):
    """One model."""

    schema: Literal["frieze/model/1"]
