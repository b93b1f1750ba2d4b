"""A plan of an import carried out: folders indexed, subsets saved, words and facts given to images.

Words never replace words an image has unless asked to; each batch of images is one change that can be undone, and so
are the subsets, picks and bucket rule together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.bucket_rule import set_bucket_rule
from curator.index.changes.edits import Annotations, Rewrite
from curator.index.tables.picks import Pick, pick_filter
from curator.index.tables.rows import Subset
from curator.interop.matching.matcher import Matcher
from curator.interop.matching.word_import import ACTOR, AnnotationReport, Progress, batches, write_annotations
from curator.interop.plan import Record, Source
from curator.posts.words import text_of
from curator.scan.report import ScanReport
from curator.scan.scan import Progress as ScanTold
from curator.scan.scan import scan

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.interop.plan import ImportPlan, PlannedSubset


@dataclass
class ImportReport:
    """What an import did."""

    scanned: ScanReport
    words: AnnotationReport
    subsets: tuple[str, ...] = ()
    captioned: int = 0


def carry_out(
    collection: Collection,
    plan: ImportPlan,
    progress: Progress | None = None,
    *,
    scanned: ScanTold | None = None,
    replace_annotations: bool = False,
) -> ImportReport:
    """Do what `plan` says. `progress` is told of rows, `scanned` of the images of a folder.

    Raises:
        UserError: a subset of that name is there already. Nothing is done then.
    """
    taken = {each.name for each in collection.subsets.list()} & {each.name for each in plan.subsets}
    if taken:
        raise UserError(f"there is a subset '{min(taken)}' already", "rename or remove it first")
    report = ImportReport(ScanReport(), AnnotationReport())
    for folder in plan.folders:
        report.scanned.include(scan(collection, folder, scanned))
    matcher = Matcher(collection)
    report.words = write_annotations(
        collection, matcher, plan, progress, replace_annotations=replace_annotations
    )
    picks = [_pick(matcher, each, each.rows) for each in plan.subsets if each.rows]
    with collection.grouped(f"import of {plan.layout}", ACTOR):
        if plan.rule:
            set_bucket_rule(collection, plan.rule)
        for pick in picks:
            collection.picks.save(pick)
        for each in plan.subsets:
            collection.subsets.add(_subset(each))
    report.captioned = sum(_give_class_tokens(collection, each) for each in plan.subsets)
    report.subsets = tuple(each.name for each in plan.subsets)
    return report


def folder_filter(folder: Path) -> str:
    """A filter for the images that lie directly in `folder`."""
    exact = re.escape(str(folder)).replace("/", "\\/")
    # A byte that is no UTF-8 cannot be stored in a filter; any one character stands for it.
    whole = "".join("." if 0xD800 <= ord(char) <= 0xDFFF else char for char in exact)
    return f"path:/^(?-i:{whole})\\/[^\\/]*$/"


def _filter(each: PlannedSubset) -> str:
    mine = pick_filter(each.name) if each.rows else folder_filter(each.folder)
    return f"{mine} area>{each.area_over}" if each.area_over else mine


def _pick(matcher: Matcher, each: PlannedSubset, source: Source) -> Pick:
    """The images that rows name, under the subset's name."""
    images = BitMap()
    for batch in batches(source.rows()):
        images |= BitMap(matcher.images([row for row in batch if isinstance(row, Record)]))
    images.discard(0)
    return Pick(each.name, images, f"named by {source.path.name}")


def _subset(each: PlannedSubset) -> Subset:
    return Subset(
        each.name, _filter(each), each.repeats, each.loss_weight, each.flip, each.rules, each.is_reg, each.crop,
        each.mask, each.validation_share, each.validation_seed,
    )  # fmt: skip


def _give_class_tokens(collection: Collection, planned: PlannedSubset) -> int:
    """Images with neither tags nor caption get the class tokens; gives how many."""
    tokens = text_of(planned.class_tokens)
    if not tokens:
        return 0
    ids = select(collection, f"{_filter(planned)} untagged -has:caption").ids.tolist()
    names = tuple(dict.fromkeys(part.strip() for part in tokens.split(",") if part.strip()))
    words = tuple(Annotations(image, tags=names) for image in ids)
    return collection.apply(Rewrite(words, f"class tokens '{tokens}'"), ids, ACTOR).images_changed
