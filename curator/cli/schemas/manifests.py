"""Outputs about subsets and manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from curator.cli.schemas.words import Doubt, FileReason, ImageFunnelStep, Size


class CaptionRules(TypedDict):
    """How captions vary from epoch to epoch."""

    shuffle: bool
    keep_tags: int
    tag_dropout: float
    caption_dropout: float
    trigger: str
    keep_separator: str
    secondary_separator: str
    wildcards: bool
    prefix: str
    suffix: str
    dropout_every_epochs: int
    warmup_tags: int
    warmup_steps: int
    escape_parentheses: bool
    text_first: bool


class FrozenSubset(TypedDict):
    """A subset as a manifest has it."""

    name: str
    filter: str
    repeats: float
    loss_weight: float
    flip: bool
    rules: CaptionRules
    is_reg: bool
    crop: str
    mask: str


class SubsetValues(FrozenSubset):
    """A subset as it is kept."""

    validation_share: float
    validation_seed: int


class SubsetRow(SubsetValues):
    """A subset and its part of an epoch."""

    images: int
    held_out: int
    samples: float
    share: float


class SubsetReport(SubsetValues):
    """A subset that was added or changed."""

    schema: Literal["frieze/subset/1"]
    images: int
    dry_run: bool
    commit: int | None
    unknown_tags: Sequence[str]


class SubsetOrder(TypedDict):
    """All subsets in the order they choose their images."""

    schema: Literal["frieze/subset-order/1"]
    subsets: Sequence[str]
    dry_run: bool
    commit: int | None


class BalancedSubset(TypedDict):
    """The repeats of a subset, before and after."""

    name: str
    images: int
    before: float
    repeats: float
    samples: float


class BalanceReport(TypedDict):
    """Subsets that share an epoch equally."""

    schema: Literal["frieze/balance/1"]
    subsets: Sequence[BalancedSubset]
    dry_run: bool
    commit: int | None


class OverfitRow(TypedDict):
    """One thing a training on a subset would overfit to."""

    subset: str
    kind: Literal["tag", "caption", "copy", "view"]
    what: str
    images: int
    looked_at: int
    share: float
    filter: str


class MadeImages(TypedDict):
    """Images made for regularisation, and the subset they became."""

    schema: Literal["frieze/make-reg/1"]
    subset: str
    path: str
    images: int


class ManifestRow(TypedDict):
    """A manifest of the collection."""

    path: str
    name: str
    digest: str
    images: int
    held_out: int
    samples_per_epoch: int
    created_at: str


class FreezeReport(ManifestRow):
    """A manifest that was frozen, or one that stands because it holds the same."""

    schema: Literal["frieze/freeze/1"]
    is_new: bool
    warnings: Sequence[Doubt]


class FreezeOutlook(TypedDict):
    """What a freeze would write."""

    schema: Literal["frieze/freeze-outlook/1"]
    images: int
    held_out: int
    samples_per_epoch: int
    stands: str | None
    warnings: Sequence[Doubt]


class BucketRule(TypedDict):
    """Which sizes a training uses."""

    width: int
    height: int
    min_side: int
    max_side: int
    step: int
    upscale: bool
    resample: str
    crop_inputs: str


class BucketLoad(TypedDict):
    """What a bucket holds, and the steps of an epoch in it."""

    bucket: Size
    images: int
    samples: int
    batches: int
    steps: int


class ManifestReport(ManifestRow):
    """Everything a manifest says of itself, and its first epoch."""

    schema: Literal["frieze/manifest/1"]
    effective_batch: int
    batches_per_epoch: int
    steps_per_epoch: int
    rule: BucketRule
    buckets: Sequence[BucketLoad]
    subsets: Sequence[FrozenSubset]
    funnel: Sequence[ImageFunnelStep]


class ManifestCheck(TypedDict):
    """Whether a manifest and its images are what was frozen."""

    schema: Literal["frieze/manifest-verify/1"]
    digest: str
    images: int
    problems: Sequence[FileReason]


class ImageChange(TypedDict):
    """One kind of change of images, and some of them."""

    what: str
    images: int
    examples: Sequence[str]


class ManifestDiff(TypedDict):
    """What differs between two manifests; pairs are (in the first, in the second)."""

    schema: Literal["frieze/manifest-diff/1"]
    equal: bool
    rule: Mapping[str, tuple[object, object]]
    subsets_added: Sequence[str]
    subsets_removed: Sequence[str]
    subsets_changed: Mapping[str, Mapping[str, tuple[object, object]]]
    images: Sequence[ImageChange]


class ManifestImport(TypedDict):
    """A manifest made again from an export."""

    schema: Literal["frieze/manifest-import/1"]
    name: str
    path: str
    digest: str
