"""An import plan: what a reader of another tool's format found, before anything is written.

Folders that become subsets, and rows of metadata, each about one image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.caption.captions import CaptionRules

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule, CropMode
    from curator.contract.manifest.header import MaskMode
    from curator.index.tables.metadata import PostFacts

MOST_REPEATS = 1_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """Words, facts and scores of one image, named by its absolute `path`, by `sha256`, or as its file's name says.

    That is the post number or the md5. `scanned` is what a scan reads in the very file that these words come from, as
    (tags, caption): where an image has just these, they are replaced.
    """

    path: str = ""
    post: int = 0
    md5: str = ""
    sha256: str = ""
    tags: tuple[str, ...] | None = None
    caption: str | None = None
    classes: tuple[tuple[str, str], ...] = ()
    facts: PostFacts | None = None
    scores: tuple[tuple[str, float], ...] = ()
    scanned: tuple[tuple[str, ...], str] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether it says which image it is of."""
        return bool(self.path or self.sha256 or self.md5 or self.post)

    @property
    def replaces(self) -> bool:
        """Whether saying nothing is meant: it takes the place of what a scan reads in the same file."""
        return self.scanned is not None

    @property
    def understood(self) -> list[str]:
        """The fields that it says something of, by their names."""
        facts = self.facts
        found = [name for name, value in (("tags", self.tags), ("caption", self.caption)) if value]
        if facts:
            if facts.rating:
                found.append("rating")
            if facts.score is not None:
                found.append("score")
            if facts.fav is not None:
                found.append("favourites")
            if facts.posted is not None:
                found.append("date")
        return found

    @property
    def has_annotations(self) -> bool:
        """Whether it says anything of tags or caption."""
        return self.tags is not None or self.caption is not None


@dataclass(frozen=True)
class Dropped:
    """A row that names no image to be had, and the first reason; `facts` are what its post says all the same."""

    reason: str
    facts: PostFacts | None = None


Row = Record | Dropped


@dataclass(frozen=True)
class Source:
    """A file of rows that can be read again and again, one row at a time."""

    path: Path
    rows: Callable[[], Iterator[Row]]


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
