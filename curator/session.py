"""The session: everything the app and the command line can do to one collection.

Screens translate keys to these calls, commands translate words to them; neither knows what is behind. No
Textual, no Typer, no torch here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.buckets import BucketRule, Placement, place
from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.index.changes.edits import Commit, Edit, SetMark
from curator.index.collection import Collection
from curator.index.history import redo_to, undo_to
from curator.session_sets import SetCalls

if TYPE_CHECKING:  # what a call needs is imported by it: the app's first screen waits for none of it
    from pyroaring import BitMap

    from curator.contract.recipe.recipe import BatchSize, Recipe
    from curator.contract.run.run_folder import RunFolder
    from curator.filter.cancel import Cancel
    from curator.filter.evaluate import Result
    from curator.filter.facets import Facets
    from curator.freeze.build import FreezeProgress, FrozenManifest
    from curator.freeze.checks.checks import FreezeReport
    from curator.freeze.preview import FreezePreview
    from curator.index.images.images import ImageRow
    from curator.index.tables.small_tables import Subset
    from curator.index.tags.tag_table import Tag
    from curator.interop.apply import ImportReport
    from curator.interop.matching.word_import import Progress as ImportProgress
    from curator.interop.matching.word_import import WordsReport
    from curator.interop.plan import ImportPlan
    from curator.runs.listing import PassedOver, RunSummary
    from curator.scan.copies.duplicates import Group
    from curator.scan.copies.keeping import Keeping
    from curator.scan.report import ScanReport
    from curator.scan.scan import Progress

_REMEMBERED = "app."
_FOLD_AT_CLOSE_S = 0.5
_CLOSE_PATIENCE_S = 1.0


class Session(SetCalls):
    """One open collection. Calls may come from any thread; long ones take a `progress` that may raise to cancel."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.folder = collection.folder

    @classmethod
    def open(cls, folder: Path) -> Session:
        """The collection in `folder`.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        return cls(Collection.open(folder))

    @classmethod
    def create(cls, folder: Path) -> Session:
        """The collection in `folder`, made if there is none."""
        if not Collection.exists(folder):
            try:
                return cls(Collection.create(folder))
            except UserError:
                if not Collection.exists(folder):  # else another program made it just now
                    raise
        return cls(Collection.open(folder))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close, after bringing rows up to date with large edits for a moment; the next session does the rest."""
        self.collection.wait_at_most(_CLOSE_PATIENCE_S)
        try:
            self.fold(_FOLD_AT_CLOSE_S)
            if self.collection.has_written:
                self.collection.settle()
        except UserError:
            pass  # a full disk or a busy index: nothing is lost, edits wait in the journal
        finally:
            self.collection.close()

    def fold(self, budget_s: float) -> int:
        """Bring rows up to date with large edits for so many seconds; gives how many images still wait."""
        return self.collection.fold(budget_s) if self.waiting() else 0

    def waiting(self) -> int:
        """How many images have large edits that have not reached their rows."""
        return self.collection.waiting()

    # --- pictures -------------------------------------------------------------------------------------

    def scan(
        self,
        folder: Path | None = None,
        progress: Progress | None = None,
        *,
        full: bool = False,
        quick: bool = False,
    ) -> ScanReport:
        """Index `folder` (or a tar), or look again at every root known.

        `full` reads files whose size and time are as before; `quick` passes over folders whose time is as before.

        The scan has its own connection: the caller's session stays usable meanwhile.
        """
        from curator.scan.report import ScanReport
        from curator.scan.scan import scan

        folders = [folder] if folder else [Path(root) for root in self.collection.images.roots()]
        if not folders:
            raise UserError("no folder was scanned yet", "name one: frieze scan DIR")
        report = ScanReport()
        with Collection.open(self.folder) as collection:
            for each in folders:
                report.include(scan(collection, each, progress, full, quick))
        return report

    def select(self, text: str, cancel: Cancel | None = None) -> Result:
        """The pictures a filter names, in order.

        Raises:
            FilterError: with the position of the mistake.
            Cancelled: `cancel` said so.
        """
        return select(self.collection, text, cancel)

    def unmatched(self, found: Result) -> list[str]:
        """A sentence about each term of a filter that no picture's tags fit."""
        from curator.filter.unmatched import unmatched_in_words

        return [unmatched_in_words(self.collection, term) for term in found.unknown_tags]

    def facets(
        self, images: BitMap, limit: int = 50, *, exact: bool = False, cancel: Cancel | None = None
    ) -> Facets:
        """The tags most common among `images`: of a sample at once, or `exact`."""
        from curator.filter.facets import exact_facets, sample_facets

        if exact:
            return exact_facets(self.collection, images, limit, cancel)
        return sample_facets(self.collection, images, limit)

    def rows(self, ids: Sequence[int]) -> list[ImageRow]:
        """What is known of the pictures `ids`, in that order."""
        return self.collection.rows(ids)

    def tags_of(self, image: int) -> list[Tag]:
        """The tags of one picture in caption order."""
        return self.collection.tags_of(image)

    def file_of(self, row: ImageRow) -> Path:
        """Where the picture's file is."""
        return Path(row.root, row.path)

    def find_tags(self, typed: str, limit: int = 20) -> list[tuple[Tag, str]]:
        """Tags by any part of their name or of an alias, with that alias, the most used first (row B15)."""
        return self.collection.find_tags(typed, limit)

    def changed(self) -> bool:
        """Whether another process changed the collection since the last look."""
        return self.collection.changed()

    def import_plan(
        self,
        plan: ImportPlan,
        progress: ImportProgress | None = None,
        *,
        scanned: Progress | None = None,
        replace_words: bool = False,
    ) -> ImportReport:
        """Carry out what `interop.layouts.plan_import` found. Words that pictures have are kept unless asked."""
        from curator.interop.apply import carry_out

        return carry_out(self.collection, plan, progress, scanned=scanned, replace_words=replace_words)

    def count_import(
        self, plan: ImportPlan, progress: ImportProgress | None = None, *, replace_words: bool = False
    ) -> WordsReport:
        """What the rows of a plan would do; a UserError where they reach no picture."""
        from curator.interop.matching.word_import import count_words, refuse_nothing

        counts = count_words(plan, self.folder, progress, replace_words=replace_words)
        refuse_nothing(plan, counts)
        return counts

    # --- edits ----------------------------------------------------------------------------------------

    def preview_edit(self, edit: Edit, ids: Iterable[int] | BitMap) -> int:
        """How many pictures an edit would change."""
        return self.collection.preview(edit, ids)

    def edit(self, edit: Edit, ids: Iterable[int] | BitMap) -> Commit:
        """Make an edit; it can be undone, also after a restart."""
        return self.collection.apply(edit, ids)

    def mark(self, ids: Iterable[int] | BitMap, mark: int) -> Commit:
        """Keep (1), reject (-1) or unmark (0) pictures."""
        return self.edit(SetMark(mark), ids)

    def keep_best(self, groups: Sequence[Group], best: str = "size", *, carry_words: bool = False) -> Keeping:
        """The edit by which of each group of copies the best stays (see `scan.keeping`); `edit` makes it."""
        from curator.scan.copies.keeping import keep_best

        return keep_best(self.collection, groups, best, carry_words=carry_words)

    def keep_chosen(self, group: Group, kept: int, *, carry_words: bool = False) -> Keeping:
        """The edit by which one picture of a group stays, whichever is the best."""
        from curator.scan.copies.keeping import keep_chosen

        return keep_chosen(self.collection, group, kept, carry_words=carry_words)

    @contextmanager
    def one_edit(self, what: str = "") -> Generator[None]:
        """Make the edits made inside one, which one undo takes back: all of them, or none.

        For marks, subsets, rules, saved filters and picks; tags and captions are an edit of their own.
        """
        with self.collection.as_one(what):
            yield

    def undo(self, commit: int | None = None) -> Commit | None:
        """Take back your newest edit that stands, or the one named; None where there is none.

        Edits made since, by taggers too, stay; pictures where they changed the same are left and counted (`stayed`).
        """
        return self.collection.undo(commit=commit)

    def redo(self, commit: int | None = None) -> Commit | None:
        """Make again what you took back last, or the edit named; None where there is nothing."""
        return self.collection.redo(commit=commit)

    def undo_to(self, commit: int) -> list[Commit]:
        """Take back this edit and every newer one that stands, newest first: all of them, or none."""
        return undo_to(self.collection, commit)

    def redo_to(self, commit: int) -> list[Commit]:
        """Make this edit again, after the older ones taken back before it: all of them, or none."""
        return redo_to(self.collection, commit)

    def history(self, limit: int = 50) -> list[Commit]:
        """The newest edits first."""
        return self.collection.history(limit)

    # --- buckets, captions -------------------------------------------------------------------------------

    def placement(self, row: ImageRow) -> Placement:
        """The bucket, scale and crop of a picture."""
        return place((row.width, row.height), self.bucket_rule)

    def preview(self, batch: BatchSize | None = None) -> FreezePreview:
        """What an epoch would be, were the collection frozen now."""
        from curator.freeze.outlook import epoch_of

        return epoch_of(self.collection, batch)

    def subsets_of(self, images: Iterable[int]) -> dict[int, Subset]:
        """The subset each picture would be frozen in; those in none are left out."""
        from curator.freeze.captions import subsets_of

        return subsets_of(self.collection, images)

    def captions(
        self, images: Sequence[int], epochs: range, seed: int = 0, step: int | None = None
    ) -> dict[int, list[str]]:
        """The captions of pictures in `epochs`, each as if its id were its row; those in no subset are left out."""
        from curator.freeze.captions import captions_of

        return captions_of(self.collection, images, epochs, seed, step)

    # --- freeze ---------------------------------------------------------------------------------------

    def check_freeze(self, batch: BatchSize | None = None, rule: BucketRule | None = None) -> FreezeReport:
        """Everything that would stop or trouble a training (with another bucket rule than the collection's)."""
        from curator.freeze.outlook import report_of

        return report_of(self.collection, batch, rule)

    def freeze(
        self,
        name: str,
        progress: FreezeProgress | None = None,
        *,
        rule: BucketRule | None = None,
        replace: bool = False,
    ) -> FrozenManifest:
        """Write `manifests/NAME.manifest`; what stops and what is refused: see `freeze.library`."""
        from curator.freeze.library import freeze_named

        return freeze_named(self.collection, name, progress, rule=rule, replace=replace)

    def manifests(self, passed_over: Callable[[UserError], None] | None = None) -> list[FrozenManifest]:
        """The manifests of the collection, newest first; `passed_over` hears of those that cannot be read."""
        from curator.freeze.library import manifests_folder, manifests_in

        return manifests_in(manifests_folder(self.folder), passed_over)

    # --- runs -----------------------------------------------------------------------------------------

    @property
    def runs_dir(self) -> Path:
        return self.folder / "runs"

    def launch(self, manifest: Path, recipe: Recipe, name: str, processes: int = 1) -> RunFolder:
        """Start a training of `manifest` that lives on when this program ends."""
        from curator.runs.launch import start_new

        return start_new(self.runs_dir, manifest, recipe, name, processes)

    def check_models(self, recipe: Recipe) -> None:
        """Refuse a recipe whose models are no files and no names of a hub."""
        from curator.runs.launch import check_models

        check_models(recipe)

    def restart(self, run: RunFolder, processes: int = 1) -> int:
        """Go on with a run that stopped or crashed, from its last state; gives the worker's process id."""
        from curator.runs.launch import start

        return start(run, processes)

    def runs(self, passed_over: PassedOver | None = None) -> list[RunSummary]:
        """The runs of the collection, newest first; `passed_over` hears of those that are damaged."""
        from curator.runs.listing import list_runs

        return list_runs(self.runs_dir, passed_over)

    def run(self, name: str) -> RunFolder:
        """The run of that name, or of the one that begins so."""
        from curator.runs.listing import find_run

        return find_run(self.runs_dir, name)

    def request(self, run: RunFolder, action: str) -> None:
        """Ask a living run to pause, resume, save, sample or stop."""
        from curator.runs.requests import request

        request(run, action)

    # --- the app's memory -----------------------------------------------------------------------------

    def remember(self, key: str, value: Any) -> None:
        """Keep a piece of the app's state (JSON) with the collection."""
        self.remember_all({key: value})

    def remember_all(self, values: Mapping[str, Any]) -> None:
        """Keep several pieces of the app's state, or none of them."""
        self.collection.settings.put_all({_REMEMBERED + key: value for key, value in values.items()})

    def edit_memory(self, key: str, before: Any, after: Any) -> None:
        """Change a piece of the app's state as an edit that can be undone; `before` is what it stood for."""
        self.collection.settings.edit(_REMEMBERED + key, before, after)

    def recall(self, key: str, default: Any = None) -> Any:
        """A piece of the app's state."""
        return self.collection.settings.get(_REMEMBERED + key, default)
