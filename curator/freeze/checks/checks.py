"""Findings before a freeze: what stops it, and what is only worth knowing, each with a filter of its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyroaring import BitMap

from curator.contract.buckets import BucketRule, advice_on, checked
from curator.contract.epoch_plan import Span
from curator.contract.errors import UserError
from curator.contract.text import counted
from curator.filter.unmatched import unmatched_term_text
from curator.freeze.checks.captions import (
    brackets_split_by_comma,
    broken_wildcards,
    empty_captions,
    long_captions,
    triggers,
)
from curator.freeze.checks.files import lost_files, masks, unnamed_faces
from curator.freeze.checks.finding import Finding, PictureFilters
from curator.freeze.checks.held_out import held_out
from curator.freeze.checks.overfit import overfit_findings
from curator.freeze.members import NO_SIZE, SURPLUS, Members
from curator.index.changes.changes import id_array
from curator.index.sets.bitmaps import of_array, of_mask

if TYPE_CHECKING:
    from curator.freeze.members import FreezeSpec
    from curator.freeze.preview import FreezePreview
    from curator.freeze.reader import FreezeReader
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


def check(reader: FreezeReader, spec: FreezeSpec, members: Members, preview: FreezePreview) -> FreezeReport:
    """Look for everything a training would suffer from."""
    filters = PictureFilters(reader, spec, members)
    found = [
        *_limits(spec.rule),
        *_nothing_to_freeze(preview),
        *_subsets(filters, preview),
        *_regularisation(filters),
        *held_out(filters),
        *_fractions(filters, preview),
        *lost_files(filters),
        *empty_captions(filters),
        *long_captions(filters),
        *broken_wildcards(filters),
        *triggers(filters),
        *brackets_split_by_comma(filters),
        *overfit_findings(filters),
        *_small(filters),
        *_buckets(filters, preview),
        *unnamed_faces(filters),
        *masks(filters),
        *_sizeless(filters),
        *_quarantined(reader.collection),
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
        yield Finding("stop", "no image would be frozen", "scan a folder, or widen the subsets' filters")


def _subsets(filters: PictureFilters, preview: FreezePreview) -> Iterator[Finding]:
    members = filters.members
    columns = (preview.subsets, members.ids, members.overlaps, members.unknown_tags)
    for number, (subset, share, own, overlap, unknown) in enumerate(
        zip(filters.spec.subsets, *columns, strict=True)
    ):
        where = f"subset {subset.name}"
        for term in unknown:
            what = f"{where}: {unmatched_term_text(filters.collection, term)}"
            yield Finding("warn", what, "check the spelling of its filter")
        if not own:
            yield Finding("warn", f"{where} has no images", "widen its filter, or remove it")
        elif subset.is_reg and not share.images:
            continue  # said of regularisation as a whole
        elif not share.samples and (trained := members.trained_of(number)):
            show = "shows" if len(trained) == 1 else "show"
            what = f"{where}: {counted(len(trained))} x {subset.repeats:g} {show} nothing in an epoch"
            named = filters.among(filters.members_of(number), trained, "")
            yield Finding("warn", what, "raise its repeats", named)
        if overlap:
            they = counted(overlap, "image already belongs", "images already belong")
            what = f"{where}: {they} to an earlier subset, which keeps {'it' if overlap == 1 else 'them'}"
            yield Finding("warn", what, "narrow one of the filters", filters.overlap(number))


def _regularisation(filters: PictureFilters) -> Iterator[Finding]:
    """Regularisation beyond what training asks for, or with nothing to train (S045)."""
    spec, members = filters.spec, filters.members
    if not any(subset.is_reg for subset in spec.subsets):
        return
    if all(spec.subsets[each.subset].is_reg for each in members.shown):
        yield Finding(
            "stop", "nothing but regularisation would be trained", "frieze subset set NAME --no-reg"
        )
        return
    surplus = dict(members.funnel).get(SURPLUS, 0)
    if surplus:
        they = counted(surplus, "regularisation image is", "regularisation images are")
        what = f"{they} surplus and left out: training gives fewer samples"
        hint = "raise the repeats of the others, or lower those of regularisation"
        yield Finding("warn", what, hint, filters.of(members.surplus(spec)))


def _sizeless(filters: PictureFilters) -> Iterator[Finding]:
    count = dict(filters.members.funnel).get(NO_SIZE, 0)
    if count:
        what = f"{counted(count, 'image has no known size and is', 'images have no known size and are')} left out"
        yield Finding("warn", what, "scan again", "(width<1 OR height<1) -mark:reject")


def _fractions(filters: PictureFilters, preview: FreezePreview) -> Iterator[Finding]:
    """A fraction of a repeat is rounded in each bucket: where buckets are small, little or nothing of it is left."""
    if preview.never_shown:
        they = counted(
            preview.never_shown, "image is alone in its bucket", "images are alone in their buckets"
        )
        what = f"{they} with a fraction of a repeat: never shown"
        named = filters.of(_never_shown(filters))
        yield Finding("warn", what, "raise their repeats to 1, or allow fewer buckets", named)
    for share in preview.subsets:
        meant = share.images * share.repeats
        if meant and abs(share.samples - meant) > max(0.05 * meant, 1):
            what = (
                f"subset {share.name}: {counted(share.samples, 'sample')} an epoch, {meant:,.1f} were meant"
            )
            yield Finding("warn", what, "small buckets round fractions: use whole repeats, or fewer buckets")


def _never_shown(filters: PictureFilters) -> BitMap:
    """The images of spans that give no sample: they are counted by bucket and repeats, as an epoch does."""
    by_repeats: dict[float, BitMap] = {}
    for each in filters.members.shown:
        by_repeats[each.repeats] = by_repeats.get(each.repeats, BitMap()) | each.ids
    table = filters.reader.buckets(filters.spec.rule, filters.members.frozen())
    found = BitMap()
    for repeats, images in by_repeats.items():
        ids = id_array(images)
        loads = table.loads(ids).tolist()
        silent = [b for b, rows in enumerate(loads) if rows and not Span(b, repeats, 0, rows).samples]
        found |= of_array(ids[np.isin(table.of_image[ids], silent)])
    return found


def _small(filters: PictureFilters) -> Iterator[Finding]:
    """Images that would be enlarged more than twice."""
    reader, rule = filters.reader, filters.spec.rule
    if not rule.upscale:
        return
    width, height = reader.column("width"), reader.column("height")
    ids = id_array(filters.members.frozen())
    small = of_array(ids[width[ids].astype(np.int64) * height[ids] * 4 < rule.area])
    if small:
        what = f"{counted(len(small))} would be enlarged more than twice"
        named = filters.among(filters.frozen(), small, f"area<{-(-rule.area // 4)}")
        yield Finding("warn", what, "leave them out, or freeze without upscaling", named)


def _buckets(filters: PictureFilters, preview: FreezePreview) -> Iterator[Finding]:
    short = [load for load in preview.buckets if load.samples < preview.effective_batch]
    if not short:
        return
    frozen = filters.frozen()
    table = filters.reader.buckets(filters.spec.rule, frozen.images)
    for load in short:
        wide, high = load.bucket
        batch = counted(preview.effective_batch, "sample")
        what = f"bucket {wide}x{high} has {load.samples:,} of the {batch} of one batch"
        images = of_mask(table.of_image == table.sizes.index(load.bucket))
        named = filters.among(frozen, images, f"bucket:{wide}x{high}")
        yield Finding("warn", what, "raise repeats, or let leftovers be filled", named)


def _quarantined(collection: Collection) -> Iterator[Finding]:
    count = collection.quarantine.count()
    if count:
        what = f"{counted(count, 'file')} could not be read at the scan"
        yield Finding("warn", what, "see 'frieze quarantine'", of_unusable=True)
