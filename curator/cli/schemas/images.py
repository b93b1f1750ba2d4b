"""Outputs about images, their tags, captions, copies, picks and buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from curator.cli.schemas.edits import CommitRow, EditCounts
from curator.cli.schemas.words import ImageFunnelStep, Mark, Size


class ImageRow(TypedDict, total=False):
    """One image: the columns that were asked for, `score(NAME)` among them."""

    id: int
    size: str
    mark: Mark
    path: str
    tags: Sequence[str]
    root: str
    file: str
    name: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    caption: str


TagName = TypedDict("TagName", {"name": str, "class": str})
TagRow = TypedDict("TagRow", {"name": str, "class": str, "images": int, "count": int})
FoundTag = TypedDict(
    "FoundTag", {"name": str, "class": str, "images": int, "count": int, "alias": str | None}
)
FacetRow = TypedDict("FacetRow", {"name": str, "class": str, "images": int, "share": float})
TagName.__doc__ = "A tag."
TagRow.__doc__ = "A tag, and how many images have it."
FoundTag.__doc__ = "A tag that was found, and the alias it was found by."
FacetRow.__doc__ = "A tag among some images."


class ScoreBar(TypedDict):
    """How many images have a score of at least `at_least` and below `below`."""

    at_least: float
    below: float
    images: int
    remain: int


class BandRow(TypedDict):
    """How many tags have at least so many images."""

    images: int
    tags: int


class IdentifierVerdict(TypedDict):
    """What speaks against a word; nothing where it can be used."""

    word: str
    tokens: int
    against: Sequence[str]


class IdentifierReport(TypedDict):
    """Words that shall stand for something new, and free ones."""

    schema: Literal["frieze/identifiers/1"]
    words: Sequence[IdentifierVerdict]
    free: Sequence[str]


class Copy(TypedDict):
    """A copy of a group's best image."""

    image: int
    distance: int
    exact: bool


class CopyGroup(TypedDict):
    """Images that are one image."""

    best: int
    copies: Sequence[Copy]


class DupesReport(EditCounts):
    """Copies that were rejected."""

    schema: Literal["frieze/dupes/1"]
    groups: Sequence[CopyGroup]
    rejected: int
    annotated: int
    unknown_tags: Sequence[str]


class PickReport(TypedDict):
    """Images picked, and what was kept of them."""

    schema: Literal["frieze/pick/1"]
    images: int
    ids: Sequence[int]
    posts: Sequence[int]
    funnel: Sequence[ImageFunnelStep]
    notes: Sequence[str]
    digest: str
    done: Sequence[str]
    changed: int
    commit: int | None


class EpochCaption(TypedDict):
    """The caption of one epoch."""

    epoch: int
    caption: str


class CaptionRow(TypedDict):
    """An image's caption of one epoch, its tokens, and what falls off. `weights` only with --weighted."""

    id: int
    path: str
    epoch: int
    caption: str
    tokens: int
    chunks: int
    cut: str
    weights: Sequence[tuple[str, float]] | None
    problem: str | None


class CaptionReport(TypedDict):
    """What becomes of one text; `captions` where a --rule was given."""

    schema: Literal["frieze/caption/1"]
    weights: Sequence[tuple[str, float]]
    tokens: int
    chunks: int
    cut: str
    problem: str | None
    captions: Sequence[EpochCaption]


class Placement(TypedDict):
    """The bucket of an image, the size it is scaled to, and what is cut out of that."""

    bucket: Size
    resized: Size
    crop: tuple[int, int, int, int]


class PlacedSize(Placement):
    """An image's size, and where it goes."""

    size: Size


class SizesReport(TypedDict):
    """Where given sizes go."""

    schema: Literal["frieze/bucket-sizes/1"]
    buckets: Sequence[Size]
    sizes: Sequence[PlacedSize]


class BucketCount(TypedDict):
    """How many images a bucket has."""

    bucket: Size
    images: int


class BucketsReport(TypedDict):
    """Where a collection's images go."""

    schema: Literal["frieze/bucket-images/1"]
    buckets: Sequence[Size]
    images: Sequence[BucketCount]
    unknown_tags: Sequence[str]


class ImageFacts(TypedDict):
    """Everything of an image's row."""

    id: int
    path: str
    root: str
    name: str
    sha256: str
    bytes: int
    width: int
    height: int
    format: str
    mark: Mark
    caption: str


class Verdict(TypedDict):
    """Whether a subset takes an image, and why."""

    subset: str
    takes: bool
    reason: str


class FrozenRow(TypedDict):
    """A row of a manifest that has the image."""

    manifest: str
    row: int
    repeats: float


class Explanation(TypedDict):
    """Everything about one image."""

    schema: Literal["frieze/explain/1"]
    row: ImageFacts
    tags: Sequence[TagName]
    facts: Mapping[str, object]
    is_in: bool
    reason: str
    verdicts: Sequence[Verdict]
    repeats: float
    placement: Placement | None
    is_cut_anew: bool
    captions: Sequence[str]
    picks: Sequence[str]
    history: Sequence[CommitRow]
    frozen: Sequence[FrozenRow]
