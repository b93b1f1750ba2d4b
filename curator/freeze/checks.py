"""Decides what stops a freeze and what is only worth knowing; each finding names the pictures by a filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from curator.contract.tar_members import is_tar
from curator.contract.text import visible
from curator.filter.evaluate import select
from curator.freeze.members import Members
from curator.freeze.preview import FreezePreview
from curator.freeze.spec import FreezeSpec
from curator.index.collection import Collection
from curator.index.small_tables import Subset
from curator.tags.brackets import parted_brackets

_NAMED = 100  # pictures that a finding's filter names one by one


@dataclass(frozen=True)
class Finding:
    """Something found before a freeze. `filter` selects the pictures concerned; empty where none are."""

    level: Literal["stop", "warn"]
    what: str
    hint: str
    filter: str = ""


@dataclass(frozen=True)
class FreezeReport:
    """All findings, worst first, and what the freeze would give."""

    findings: tuple[Finding, ...]
    preview: FreezePreview

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings that must be mended first."""
        return tuple(finding for finding in self.findings if finding.level == "stop")


def check(collection: Collection, spec: FreezeSpec, members: Members, preview: FreezePreview) -> FreezeReport:
    """Look for everything a training would suffer from."""
    found = [
        *_nothing_to_freeze(preview),
        *_subsets(spec, members, preview),
        *_fractions(preview),
        *_missing_files(collection),
        *_without_caption(collection, spec),
        *_parted_brackets(collection, spec, members),
        *_small(collection, spec, members),
        *_buckets(preview),
        *_quarantined(collection),
    ]
    return FreezeReport(tuple(sorted(found, key=lambda finding: finding.level)), preview)


def _nothing_to_freeze(preview: FreezePreview) -> Iterator[Finding]:
    if not preview.samples_per_epoch:
        yield Finding("stop", "no picture would be frozen", "scan a folder, or widen the subsets' filters")


def _subsets(spec: FreezeSpec, members: Members, preview: FreezePreview) -> Iterator[Finding]:
    for subset, share, own, overlap, unknown in zip(
        spec.subsets, preview.subsets, members.ids, members.overlaps, members.unknown_tags, strict=True
    ):
        where = f"subset {subset.name}"
        if unknown:
            names = ", ".join(unknown)
            yield Finding(
                "warn", f"{where}: no picture has the tag {names}", "check the spelling of its filter"
            )
        if not own:
            yield Finding("warn", f"{where} has no pictures", "widen its filter, or remove it")
        elif not share.samples:
            what = f"{where}: {len(own):,} pictures x {subset.repeats:g} show nothing in an epoch"
            yield Finding("warn", what, "raise its repeats", _of(subset))
        if overlap:
            what = f"{where}: {overlap:,} pictures already belong to an earlier subset and stay there"
            yield Finding("warn", what, "narrow one of the filters", _of(subset))


def _fractions(preview: FreezePreview) -> Iterator[Finding]:
    """A fraction of a repeat is rounded in each bucket: where buckets are small, little or nothing of it is left."""
    if preview.never_shown:
        what = f"{preview.never_shown:,} pictures are alone in their buckets with a fraction of a repeat: never shown"
        yield Finding("warn", what, "raise their repeats to 1, or allow fewer buckets")
    for share in preview.subsets:
        meant = share.images * share.repeats
        if meant and abs(share.samples - meant) > max(0.05 * meant, 1):
            what = f"subset {share.name}: {share.samples:,} samples an epoch, {meant:,.1f} were meant"
            yield Finding("warn", what, "small buckets round fractions: use whole repeats, or fewer buckets")


def _missing_files(collection: Collection) -> Iterator[Finding]:
    """Roots that are not there now; a full check of every file is `frieze manifest verify`."""
    from pathlib import Path

    for root in collection.images.roots():
        if not Path(root).is_dir() and not is_tar(root):
            yield Finding("stop", f"the folder {root} is gone", "mount it, or scan its new place")


def _without_caption(collection: Collection, spec: FreezeSpec) -> Iterator[Finding]:
    for subset in spec.subsets:
        if subset.rules.trigger:
            continue
        narrowed = f"{_of(subset)} untagged -has:caption".strip()
        count = len(select(collection, narrowed))
        if count:
            what = f"subset {subset.name}: {count:,} pictures have neither tags nor caption"
            yield Finding("warn", what, "tag them, or give the subset a trigger", narrowed)


def _parted_brackets(collection: Collection, spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """A weight over several tags is lost where tags move or go alone (S025)."""
    for subset, own in zip(spec.subsets, members.ids, strict=True):
        if not (subset.rules.shuffle or subset.rules.tag_dropout or subset.rules.warmup_steps):
            continue
        found = list(parted_brackets(collection, own, subset.rules))
        if found:
            (image, over) = found[0]
            (row,) = collection.rows([image])
            what = (
                f"subset {subset.name}: {len(found):,} pictures have a weight bracket over several tags, such as"
                f" '{visible(', '.join(over))}' of {visible(row.name)}: shuffle and dropout part it"
            )
            named = " OR ".join(f"id:{each}" for each, _ in found[:_NAMED])
            yield Finding("warn", what, "give each tag its own brackets, or keep them in the head", named)


def _small(collection: Collection, spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """Pictures that would be enlarged more than twice."""
    if not spec.rule.upscale:
        return
    with collection.reading():
        width = collection.columns.of("width")
        height = collection.columns.of("height")
        small = 0
        for own in members.ids:
            ids = np.fromiter(own, dtype=np.int64, count=len(own))
            small += int(np.count_nonzero(width[ids].astype(np.int64) * height[ids] * 4 < spec.rule.area))
    if small:
        area = spec.rule.area // 4
        what = f"{small:,} pictures would be enlarged more than twice"
        yield Finding("warn", what, "leave them out, or freeze without upscaling", f"area<{area}")


def _buckets(preview: FreezePreview) -> Iterator[Finding]:
    for load in preview.buckets:
        if load.samples < preview.effective_batch:
            wide, high = load.bucket
            what = f"bucket {wide}x{high} has {load.samples:,} of {preview.effective_batch:,} samples of one batch"
            yield Finding("warn", what, "raise repeats, or let leftovers be filled", f"bucket:{wide}x{high}")


def _quarantined(collection: Collection) -> Iterator[Finding]:
    count = len(collection.quarantine.list())
    if count:
        yield Finding("warn", f"{count:,} files could not be read at the scan", "see 'frieze stats'")


def _of(subset: Subset) -> str:
    return f"({subset.filter})" if subset.filter.strip() else ""
