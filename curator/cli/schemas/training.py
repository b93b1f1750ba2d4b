"""Outputs about subsets, manifests, recipes and what a training would be."""

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


class SubsetValues(TypedDict):
    """A subset as it is kept."""

    name: str
    filter: str
    repeats: float
    loss_weight: float
    flip: bool
    rules: CaptionRules
    is_reg: bool
    crop: str
    mask: str


class SubsetRow(SubsetValues):
    """A subset and its part of an epoch."""

    images: int
    samples: float
    share: float


class SubsetReport(SubsetValues):
    """A subset that was added or changed."""

    schema: Literal["frieze/subset/1"]
    images: int
    commit: int | None
    unknown_tags: Sequence[str]


class SubsetOrder(TypedDict):
    """All subsets in the order they choose their images."""

    schema: Literal["frieze/subset-order/1"]
    subsets: Sequence[str]
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
    subsets: Sequence[SubsetValues]
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


class PresetRow(TypedDict):
    """A preset."""

    name: str
    about: str


Value = str | int | float | bool | Sequence[str]


class KeyRow(TypedDict):
    """A key of a recipe."""

    key: str
    section: str
    needs: Mapping[str, str]
    type: str
    default: Value
    unit: str
    low: float | None
    high: float | None
    range: str
    choices: Sequence[str]
    help: str


class KeyValue(KeyRow):
    """A key of a recipe with its value, and where that is from."""

    value: Value
    source: str
    active: bool


class KeyChange(TypedDict):
    """A key that differs between two recipes."""

    key: str
    before: Value
    after: Value


class RateFactor(TypedDict):
    """What the learning rates of UNet and text encoder are multiplied with at a step, counted from 0."""

    step: int
    unet: float
    text: float


class RecipeCheck(TypedDict):
    """Whether a recipe can be followed."""

    schema: Literal["frieze/recipe-check/1"]
    recipe: str
    doubts: Sequence[Doubt]


class PlannedSample(TypedDict, total=False):
    """A prompt, with what its line gives and no more."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int
    scale: float
    steps: int
    sampler: str


class RenderedImage(TypedDict):
    """An image that was made, and how."""

    path: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int
    scale: float
    steps: int
    sampler: str


class RenderReport(TypedDict):
    """Images made from saved weights."""

    schema: Literal["frieze/sample/1"]
    folder: str
    images: Sequence[RenderedImage]


class AdapterModule(TypedDict):
    """A module of the file that a recipe would write."""

    name: str
    kind: str
    rank: int | None
    alpha: float | None
    shapes: Mapping[str, Sequence[int]]


class PlannedAdapter(TypedDict):
    """The file that a recipe would write, as the trainer tells it."""

    modules: Sequence[AdapterModule]
    parameters: int
    bytes: int


class AdapterPlan(PlannedAdapter):
    """The file that a recipe would write."""

    schema: Literal["frieze/adapter-plan/1"]


class BucketSteps(TypedDict):
    """Steps of the first epoch in one bucket."""

    bucket: Size
    steps: int


class RunMemory(TypedDict):
    """Bytes that a process of a run would hold, by part; what the activations of a batch need comes on top."""

    unet_bytes: int
    text_encoder_bytes: int
    vae_bytes: int
    adapter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    average_bytes: int
    average_on_cpu: bool
    device_bytes: int


class TrainCheck(TypedDict):
    """How long a training would be, what it would hold in memory, and what is doubtful."""

    schema: Literal["frieze/train-check/1"]
    images: int
    samples_per_epoch: int
    effective_batch: int
    steps_per_epoch: int
    epochs: int
    steps: int
    buckets: Sequence[BucketSteps]
    memory: RunMemory | None
    doubts: Sequence[Doubt]
