"""Rows of the small tables: a subset, a saved filter, a quarantined file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from curator.contract.caption.captions import CaptionRules
from curator.index.tables.listed import Quarantined as Quarantined  # noqa: PLC0414 (named from here beside subsets)
from curator.index.tables.listed import SavedFilter as SavedFilter  # noqa: PLC0414 (named from here beside subsets)

if TYPE_CHECKING:  # who only names a subset loads none of it
    from curator.contract.buckets import CropMode
    from curator.contract.manifest.header import MaskMode


@dataclass(frozen=True)
class Subset:
    """One concept of the training: the images of a filter, how often they come, and how their captions vary.

    `validation_share` of its images (0 to 1) are held out for validation; `validation_seed` draws other ones.
    """

    name: str
    filter: str
    repeats: float = 1.0
    loss_weight: float = 1.0
    flip: bool = False
    rules: CaptionRules = field(default_factory=CaptionRules)
    is_reg: bool = False
    crop: CropMode = "center"
    mask: MaskMode = "none"
    validation_share: float = 0.0
    validation_seed: int = 0
