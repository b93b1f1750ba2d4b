"""Decides what is said of a freeze before it is made: the epoch it would give, and what would trouble a training."""

from __future__ import annotations

from curator.contract.recipe import BatchSize
from curator.freeze.checks import FreezeReport, check
from curator.freeze.members import members_of
from curator.freeze.preview import FreezePreview, preview
from curator.freeze.spec import spec_of
from curator.index.collection import Collection


def epoch_of(collection: Collection, batch: BatchSize | None = None) -> FreezePreview:
    """What an epoch would be, were the collection frozen now."""
    spec = spec_of(collection)
    return preview(collection, spec, members_of(collection, spec), batch or BatchSize())


def report_of(collection: Collection, batch: BatchSize | None = None) -> FreezeReport:
    """Everything that would stop or trouble a training, with what an epoch would be."""
    spec = spec_of(collection)
    members = members_of(collection, spec)
    return check(collection, spec, members, preview(collection, spec, members, batch or BatchSize()))
