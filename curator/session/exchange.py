"""Data of other tools, brought in by a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.interop.apply import ImportReport
    from curator.interop.matching.word_import import AnnotationReport
    from curator.interop.matching.word_import import Progress as ImportProgress
    from curator.interop.plan import ImportPlan
    from curator.scan.scan import Progress


class Exchange:
    """Data of other tools, brought in by a plan."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def carry_out(
        self,
        plan: ImportPlan,
        progress: ImportProgress | None = None,
        *,
        scanned: Progress | None = None,
        replace_words: bool = False,
    ) -> ImportReport:
        """Carry out what `interop.layouts.plan_import` found. Words that pictures have are kept unless asked."""
        from curator.interop.apply import carry_out

        return carry_out(self._collection, plan, progress, scanned=scanned, replace_words=replace_words)

    def count(
        self, plan: ImportPlan, progress: ImportProgress | None = None, *, replace_words: bool = False
    ) -> AnnotationReport:
        """What the rows of a plan would do; a UserError where they reach no picture."""
        from curator.interop.matching.word_import import count_annotations, refuse_empty_import

        counts = count_annotations(plan, self._collection.folder, progress, replace_words=replace_words)
        refuse_empty_import(plan, counts)
        return counts
