"""Rows of the small tables: a subset, a saved filter, a quarantined file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from curator.contract.buckets import CropMode
from curator.contract.caption.captions import CaptionRules

if TYPE_CHECKING:  # who only names a subset loads none of it
    from curator.contract.manifest.header import MaskMode


@dataclass(frozen=True)
class Subset:
    """One concept of the training: the images of a filter, how often they come, and how their captions vary."""

    name: str
    filter: str
    repeats: float = 1.0
    loss_weight: float = 1.0
    flip: bool = False
    rules: CaptionRules = field(default_factory=CaptionRules)
    is_reg: bool = False
    crop: CropMode = "center"
    mask: MaskMode = "none"


@dataclass(frozen=True)
class SavedFilter:
    """A filter under a name, for `saved:NAME` and the app's menu."""

    name: str
    filter: str


@dataclass(frozen=True)
class Quarantined:
    """A file a scan could not use, why, and since when."""

    path: str
    reason: str
    at: float
