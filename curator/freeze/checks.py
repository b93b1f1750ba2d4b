"""Decides what stops a freeze and what is only worth knowing; each finding names the pictures by a filter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curator.contract.buckets import BucketRule, advice_on, checked
from curator.contract.errors import UserError
from curator.filter.unmatched import unmatched_in_words
from curator.freeze.check_captions import empty_captions, long_captions, parted, torn_choices, triggers
from curator.freeze.check_files import lost_files, masks, unnamed_faces
from curator.freeze.finding import Finding, of_subset
from curator.freeze.members import NO_SIZE, SURPLUS, Members
from curator.freeze.preview import FreezePreview
from curator.freeze.spec import FreezeSpec
from curator.index.changes import id_array
from curator.index.collection import Collection


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
        *_limits(spec.rule),
        *_nothing_to_freeze(preview),
        *_subsets(collection, spec, members, preview),
        *_regularisation(spec, members),
        *_fractions(preview),
        *lost_files(collection, members),
        *empty_captions(collection, spec),
        *long_captions(collection, spec, members),
        *torn_choices(collection, spec, members),
        *triggers(collection, spec, members),
        *parted(collection, spec, members),
        *_small(collection, spec, members),
        *_buckets(preview),
        *unnamed_faces(collection, spec, members),
        *masks(collection, spec, members),
        *_sizeless(members),
        *_quarantined(collection),
    ]
    return FreezeReport(tuple(sorted(found, key=lambda finding: finding.level)), preview)


def _limits(rule: BucketRule) -> Iterator[Finding]:
    """A rule kept before its limits were checked, and what is doubtful of any."""
    try:
        checked(rule)
    except UserError as error:
        yield Finding("stop", error.what, error.hint)
        return
    for advice in advice_on(rule):
        yield Finding("warn", advice, "frieze buckets --set changes it")


def _nothing_to_freeze(preview: FreezePreview) -> Iterator[Finding]:
    if not preview.samples_per_epoch:
        yield Finding("stop", "no picture would be frozen", "scan a folder, or widen the subsets' filters")


def _subsets(
    collection: Collection, spec: FreezeSpec, members: Members, preview: FreezePreview
) -> Iterator[Finding]:
    for subset, share, own, overlap, unknown in zip(
        spec.subsets, preview.subsets, members.ids, members.overlaps, members.unknown_tags, strict=True
    ):
        where = f"subset {subset.name}"
        for term in unknown:
            what = f"{where}: {unmatched_in_words(collection, term)}"
            yield Finding("warn", what, "check the spelling of its filter")
        if not own:
            yield Finding("warn", f"{where} has no pictures", "widen its filter, or remove it")
        elif subset.is_reg and not share.images:
            continue  # said of regularisation as a whole
        elif not share.samples:
            what = f"{where}: {len(own):,} pictures x {subset.repeats:g} show nothing in an epoch"
            yield Finding("warn", what, "raise its repeats", of_subset(subset))
        if overlap:
            what = f"{where}: {overlap:,} pictures already belong to an earlier subset and stay there"
            yield Finding("warn", what, "narrow one of the filters", of_subset(subset))


def _regularisation(spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """Regularisation beyond what training asks for, or with nothing to train (S045)."""
    if not any(subset.is_reg for subset in spec.subsets):
        return
    if all(spec.subsets[each.subset].is_reg for each in members.shown):
        yield Finding(
            "stop", "nothing but regularisation would be trained", "frieze subset set NAME --no-reg"
        )
        return
    surplus = dict(members.funnel).get(SURPLUS, 0)
    if surplus:
        what = f"{surplus:,} regularisation pictures are surplus and left out: training gives fewer samples"
        yield Finding("warn", what, "raise the repeats of the others, or lower those of regularisation")


def _sizeless(members: Members) -> Iterator[Finding]:
    count = dict(members.funnel).get(NO_SIZE, 0)
    if count:
        yield Finding(
            "warn", f"{count:,} pictures have no known size and are left out", "scan again", "width<1"
        )


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


def _small(collection: Collection, spec: FreezeSpec, members: Members) -> Iterator[Finding]:
    """Pictures that would be enlarged more than twice."""
    if not spec.rule.upscale:
        return
    with collection.reading():
        width = collection.columns.of("width")
        height = collection.columns.of("height")
        ids = id_array(members.frozen())
        small = int(np.count_nonzero(width[ids].astype(np.int64) * height[ids] * 4 < spec.rule.area))
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
    count = collection.quarantine.count()
    if count:
        what = f"{count:,} files could not be read at the scan"
        yield Finding("warn", what, "see 'frieze quarantine'", of_unusable=True)
