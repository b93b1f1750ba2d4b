"""The outlook of a freeze: the epoch it would give, and what would trouble a training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from curator.contract.recipe.recipe import BatchSize
from curator.freeze.checks.checks import FreezeReport, check
from curator.freeze.members import members_of
from curator.freeze.preview import FreezePreview, preview
from curator.freeze.reader import FreezeReader
from curator.freeze.spec import spec_of

if TYPE_CHECKING:
    from curator.contract.buckets import BucketRule, Size
    from curator.index.collection import Collection


def epoch_of(collection: Collection, batch: BatchSize | None = None) -> FreezePreview:
    """What an epoch would be, were the collection frozen now."""
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection)
        return preview(reader, spec, members_of(reader, spec), batch or BatchSize())


def training_buckets(collection: Collection) -> list[tuple[Size, int]]:
    """The buckets of an epoch and their samples, regularisation left aside: the sizes that are trained."""
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection)
        trained = tuple(each for each in spec.subsets if not each.is_reg)
        alone = replace(spec, subsets=trained)
        shown = preview(reader, alone, members_of(reader, alone), BatchSize())
        return [(load.bucket, load.samples) for load in shown.buckets]


def report_of(
    collection: Collection, batch: BatchSize | None = None, rule: BucketRule | None = None
) -> FreezeReport:
    """Everything that would stop or trouble a training, with what an epoch would be; `rule` as for a freeze."""
    with FreezeReader.opened(collection) as reader:
        spec = spec_of(collection, rule)
        members = members_of(reader, spec)
        return check(reader, spec, members, preview(reader, spec, members, batch or BatchSize()))
