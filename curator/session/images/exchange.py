"""Data of other tools, brought in by a plan; the collection and its sidecars written for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from pyroaring import BitMap

    from curator.index.collection import Collection
    from curator.interop.apply import ImportReport
    from curator.interop.first_look import FirstLook, Offer, Tell
    from curator.interop.matching.word_import import AnnotationReport
    from curator.interop.matching.word_import import Progress as ImportProgress
    from curator.interop.plan import ImportPlan
    from curator.interop.sidecar_write import Suffix, WriteReport
    from curator.scan.scan import Progress


class Exchange:
    """Data of other tools, brought in by a plan; the collection written for them."""

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
        """What importing `path` would do; nothing is written.

        Raises:
            UserError: nothing there, an unknown layout, an option the layout does not take, or a broken file.
        """
        from curator.interop.layouts import plan_import

        return plan_import(path, layout, reg=reg, images=images)

    @staticmethod
    def first_look(folder: Path, tell: Tell | None = None) -> FirstLook:
        """What lies below a folder without an index, by names alone, and what other tools left there to take."""
        from curator.interop.first_look import first_look

        return first_look(folder, tell)

    @staticmethod
    def planned(offers: Sequence[Offer]) -> ImportPlan | None:
        """One plan of what was offered and taken; None for nothing.

        Raises:
            UserError: one of them cannot be read any more.
        """
        from curator.interop.first_look import planned

        return planned(offers)

    def carry_out(
        self,
        plan: ImportPlan,
        progress: ImportProgress | None = None,
        *,
        scanned: Progress | None = None,
        replace_annotations: bool = False,
    ) -> ImportReport:
        """Carry out a plan. Words that images have are kept unless asked."""
        from curator.interop.apply import carry_out

        return carry_out(
            self._collection, plan, progress, scanned=scanned, replace_annotations=replace_annotations
        )

    def count(
        self, plan: ImportPlan, progress: ImportProgress | None = None, *, replace_annotations: bool = False
    ) -> AnnotationReport:
        """What the rows of a plan would do; a UserError where they reach no image."""
        from curator.interop.matching.word_import import count_annotations, refuse_empty_import

        counts = count_annotations(
            plan, self._collection.folder, progress, replace_annotations=replace_annotations
        )
        refuse_empty_import(plan, counts)
        return counts

    @staticmethod
    def count_rows(
        plan: ImportPlan, folder: Path | None, *, replace_annotations: bool = False
    ) -> AnnotationReport:
        """What the rows of a plan would do to the collection in `folder`, or to a new one."""
        from curator.interop.matching.word_import import count_annotations

        return count_annotations(plan, folder, replace_annotations=replace_annotations)

    @staticmethod
    def refuse_empty_import(plan: ImportPlan, words: AnnotationReport) -> None:
        """Refuse an import of rows alone that reaches no image."""
        from curator.interop.matching.word_import import refuse_empty_import

        refuse_empty_import(plan, words)

    @staticmethod
    def understood_in_words(words: AnnotationReport) -> str:
        """Of how many images each field was understood: `tags of 20, rating of 18`."""
        from curator.interop.matching.word_import import understood_in_words

        return understood_in_words(words)

    def export_sqlite(
        self,
        file: Path,
        images: BitMap | None = None,
        progress: Callable[[int, int], None] | None = None,
        *,
        replace: bool = False,
    ) -> int:
        """Write images (None: all whose file is there), tags and scores to a SQLite file; gives how many images.

        `progress` gets (done, all) and may raise: then there is no file, or the one that was there before.
        """
        from curator.index.export import export_sqlite

        return export_sqlite(self._collection, file, images, progress, replace=replace)


class Sidecars:
    """Sidecars of a collection: tags and captions written beside the images."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def write(
        self,
        ids: Sequence[int],
        suffix: Suffix = ".txt",
        *,
        replace: bool = False,
        dry_run: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> WriteReport:
        """Write the tags and captions of images; `replace` also writes over sidecars that others changed.

        `progress` is told how many images are done. A dry run writes nothing, and counts what it would.
        """
        from curator.interop.sidecar_write import write_sidecars

        return write_sidecars(
            self._collection, ids, suffix, replace=replace, dry_run=dry_run, progress=progress
        )
