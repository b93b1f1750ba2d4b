"""Data of other tools, brought in by a plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.index.collection import Collection

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.interop.apply import ImportReport
    from curator.interop.matching.word_import import Progress as ImportProgress
    from curator.interop.matching.word_import import WordsReport
    from curator.interop.plan import ImportPlan
    from curator.scan.scan import Progress


class Exchange:
    """Data of other tools, brought in by a plan."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    @staticmethod
    def layouts() -> dict[str, str]:
        """The layouts that can be imported, each with what it is."""
        from curator.interop.layouts import LAYOUTS

        return LAYOUTS

    @staticmethod
    def plan(
        path: Path, layout: str = "auto", *, reg: Path | None = None, images: Path | None = None
    ) -> ImportPlan:
        """What importing `path` would do, in any collection; nothing is written.

        Raises:
            UserError: nothing there, an unknown layout, an option the layout does not take, or a broken file.
        """
        from curator.interop.layouts import plan_import

        return plan_import(path, layout, reg=reg, images=images)

    @staticmethod
    def understood_in_words(words: WordsReport) -> str:
        """Of how many images each field was understood: `tags of 20, rating of 18`."""
        from curator.interop.matching.word_import import understood_in_words

        return understood_in_words(words)

    def carry_out(
        self,
        plan: ImportPlan,
        progress: ImportProgress | None = None,
        *,
        scanned: Progress | None = None,
        replace_words: bool = False,
    ) -> ImportReport:
        """Carry out a plan. Words that pictures have are kept unless asked."""
        from curator.interop.apply import carry_out

        return carry_out(self._collection, plan, progress, scanned=scanned, replace_words=replace_words)

    def count(
        self, plan: ImportPlan, progress: ImportProgress | None = None, *, replace_words: bool = False
    ) -> WordsReport:
        """What the rows of a plan would do; a UserError where they reach no picture."""
        from curator.interop.matching.word_import import count_words, refuse_nothing

        counts = count_words(plan, self._collection.folder, progress, replace_words=replace_words)
        refuse_nothing(plan, counts)
        return counts
