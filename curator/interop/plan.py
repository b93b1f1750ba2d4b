"""An import plan: what a reader of another tool's format found, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.caption.captions import CaptionRules

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule, CropMode
    from curator.contract.manifest.header import MaskMode
    from curator.interop.matching.records import Source

MOST_REPEATS = 1_000_000


@dataclass(frozen=True)
class PlannedSubset:
    """A folder that becomes a subset. `images` are the images it will have, `repeats` the other tool's number.

    `class_tokens` are the caption of images without one. With `rows`, its images are those that these rows name,
    wherever below the folder they are. Only images of more pixels than `area_over` belong to it.
    """

    name: str
    folder: Path
    images: int
    repeats: float = 1.0
    class_tokens: str = ""
    is_reg: bool = False
    loss_weight: float = 1.0
    flip: bool = False
    rules: CaptionRules = field(default_factory=CaptionRules)
    crop: CropMode = "center"
    mask: MaskMode = "none"
    validation_share: float = 0.0
    validation_seed: int = 0
    rows: Source | None = None
    area_over: int = 0

    @property
    def samples(self) -> float:
        return self.images * self.repeats


@dataclass(frozen=True)
class Ignored:
    """Something that is left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class ImportPlan:
    """All that an import would do. `notes` say what cannot be carried over or differs.

    `folders` will be indexed; `subsets` saved; the words and facts of `sources` given to the images they name.
    """

    layout: str
    folders: tuple[Path, ...] = ()
    subsets: tuple[PlannedSubset, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()
    rule: BucketRule | None = None
    sources: tuple[Source, ...] = ()
