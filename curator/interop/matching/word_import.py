"""Annotations and facts imported from rows of metadata; every row is counted.

Words never replace words an image has unless asked to. A plan counts by the very function that writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError
from curator.contract.text import counted
from curator.index.changes.edits import Annotations, Rewrite
from curator.index.collection import Collection
from curator.index.tables.metadata import PostFacts
from curator.interop.matching.foreseen import ExpectedImages, ImageMatcher
from curator.interop.matching.matcher import Matcher
from curator.interop.plan import Dropped, Record, Row

if TYPE_CHECKING:
    from curator.interop.plan import ImportPlan

BATCH = 1 << 15  # rows: they bring tens of thousands of tags, each of whose images are written once a batch
KEPT = "kept"
NOT_HERE = "no such image here"
HAS_WORDS = "has words already; they were kept"
SAYS_NOTHING = "says nothing that is understood"
ACTOR = "import"
Progress = Callable[[int], None]  # rows done; may raise to stop


@dataclass
class AnnotationReport:
    """What became of every row: `rows` is the sum of `funnel`'s counts.

    `fields` counts the rows of images here in which a field was understood, `scores` the values of each score.
    `warnings` are counted, not listed.
    """

    rows: int = 0
    funnel: Counter[str] = field(default_factory=Counter[str])
    fields: Counter[str] = field(default_factory=Counter[str])
    warnings: Counter[str] = field(default_factory=Counter[str])
    scores: Counter[str] = field(default_factory=Counter[str])

    def include(self, other: AnnotationReport) -> None:
        """Add what became of other rows."""
        self.rows += other.rows
        self.funnel.update(other.funnel)
        self.fields.update(other.fields)
        self.warnings.update(other.warnings)
        self.scores.update(other.scores)

    @property
    def is_without_annotations(self) -> bool:
        """Whether images are here, and not one tag or caption was understood."""
        return bool(self.found) and not (self.fields["tags"] or self.fields["caption"] or self.scores)

    @property
    def found(self) -> int:
        """Rows of which an image is here, whatever they say."""
        return self.funnel[KEPT] + self.funnel[HAS_WORDS] + self.funnel[SAYS_NOTHING]


def understood_in_words(words: AnnotationReport) -> str:
    """Of how many images each field was understood: `tags of 20, rating of 18`."""
    counts = {**words.fields, **{f"score({name})": count for name, count in words.scores.items()}}
    return ", ".join(f"{name} of {count:,}" for name, count in counts.items()) or "nothing"


def refuse_empty_import(plan: ImportPlan, words: AnnotationReport) -> None:
    """An import of rows alone that reached no image did nothing.

    Raises:
        UserError: with where its images may be.
    """
    if not plan.sources or plan.subsets or words.found:
        return
    if not words.rows:
        raise UserError("nothing was found to import", f"{plan.sources[0].path} has no rows")
    hint = (
        "scan the images first" if not plan.folders else "name the folder of the images, or scan them first"
    )
    if plan.layout in ("kohya-json", "scores"):
        hint = "say with --images where the images are, or scan them first"
    if not words.funnel[NOT_HERE]:
        hint = f"look at the file: {words.funnel.most_common(1)[0][0]}"
    raise UserError(f"none of {counted(words.rows, 'row')} is of an image here", hint)


@dataclass
class _BatchUpdate:
    """What one batch of rows gives."""

    report: AnnotationReport = field(default_factory=AnnotationReport)
    annotations: list[Annotations] = field(default_factory=list[Annotations])
    facts: list[tuple[int, PostFacts]] = field(default_factory=list[tuple[int, PostFacts]])
    classes: dict[tuple[str, str], None] = field(default_factory=dict[tuple[str, str], None])
    scores: dict[str, dict[int, float]] = field(default_factory=dict[str, dict[int, float]])

    def include_scores(self, record: Record, image: int) -> None:
        """Add the scores of one image; the last row counts."""
        for name, value in record.scores:
            self.scores.setdefault(name, {})[image] = value
            self.report.scores[name] += 1


def count_annotations(
    plan: ImportPlan,
    folder: Path | None = None,
    progress: Progress | None = None,
    *,
    replace_annotations: bool = False,
) -> AnnotationReport:
    """What the rows of a plan's sources would do, after the scan of its folders, to the collection in `folder`."""
    report = AnnotationReport()
    if not plan.sources:
        return report
    with ExitStack() as opened:
        matcher = None
        if folder is not None and Collection.exists(folder):
            matcher = Matcher(opened.enter_context(Collection.open(folder)))
        pictures = ExpectedImages(plan.folders, matcher)
        for batch in batches(rows_of(plan)):
            report.include(_given(pictures, batch, replace_annotations).report)
            if progress:
                progress(report.rows)
    return report


def write_annotations(
    collection: Collection,
    matcher: Matcher,
    plan: ImportPlan,
    progress: Progress | None,
    *,
    replace_annotations: bool,
) -> AnnotationReport:
    """Give images what the rows say; each batch is one change that can be undone."""
    report = AnnotationReport()
    for batch in batches(rows_of(plan)):
        with collection.writing(durable=True):
            given = _given(matcher, batch, replace_annotations)
            collection.tags.learn_classes(given.classes)
            collection.metadata.write(given.facts)
            for name, values in given.scores.items():
                collection.scores.write(name, list(values.items()))
            why = f"import words of {counted(len(given.annotations))}"
            collection.apply(
                Rewrite(tuple(given.annotations), why), [each.image for each in given.annotations], ACTOR
            )
        report.include(given.report)
        if progress:
            progress(report.rows)
    return report


def rows_of(plan: ImportPlan) -> Iterator[Row]:
    """The rows of all sources of a plan."""
    return (row for source in plan.sources for row in source.rows())


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows a few thousand at a time."""
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


def _records(batch: list[Row], report: AnnotationReport) -> list[Record]:
    """The records of a batch; what was dropped before is counted."""
    report.rows += len(batch)
    records: list[Record] = []
    for row in batch:
        if isinstance(row, Dropped):
            report.funnel[row.reason] += 1
        else:
            records.append(row)
            report.warnings.update(row.warnings)
    return records


def _given(pictures: ImageMatcher, batch: list[Row], replace_annotations: bool) -> _BatchUpdate:
    given = _BatchUpdate()
    records = _records(batch, given.report)
    images = pictures.images(records)
    has_words = any(each.has_annotations for each in records)
    tags, captions = pictures.annotations_of(images) if has_words else ({}, {})
    for record, image in zip(records, images, strict=True):
        if not image:
            given.report.funnel[NOT_HERE] += 1
            continue
        given.include_scores(record, image)
        if record.facts:
            given.facts.append((image, record.facts))
        understood = record.understood
        given.report.fields.update(understood)
        if not record.has_annotations:
            given.report.funnel[KEPT if understood or record.scores else SAYS_NOTHING] += 1
            continue
        mine = _words(record, image, tags.get(image, ()), captions.get(image, ""), replace_annotations)
        says_nothing = not understood and not record.replaces
        given.report.funnel[SAYS_NOTHING if says_nothing else KEPT if mine else HAS_WORDS] += 1
        if mine:
            given.annotations.append(mine)
            given.classes.update(dict.fromkeys(record.classes))
            if mine.tags is not None:  # a later row of the same image finds them there
                tags[image] = mine.tags
            if mine.caption is not None:
                captions[image] = mine.caption
    return given


def _words(
    record: Record, image: int, tags: tuple[str, ...], caption: str, replace_annotations: bool
) -> Annotations | None:
    """The words a record gives; None where the image has other ones and keeps them.

    Where the image has just what a scan reads in the same files, even nothing takes its place.
    """
    is_own = record.scanned == (tags, caption)

    def taken(new: Any, old: Any) -> Any:
        return new if (is_own and new is not None) or (new and (replace_annotations or not old)) else None

    new_tags, new_caption = taken(record.tags, tags), taken(record.caption, caption)
    is_there = all(not new or new == old for new, old in ((record.tags, tags), (record.caption, caption)))
    if new_tags is None and new_caption is None and not is_there:
        return None
    return Annotations(image, new_tags, new_caption)
