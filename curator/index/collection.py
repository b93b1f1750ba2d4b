"""The door of the index: open, rows, edits, undo, subsets, settings."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.edits import Commit, Edit, Rewrite
from curator.index.editing.compaction import LARGE_BYTES, compact_all, compact_if_large
from curator.index.editing.fold import fold_for
from curator.index.editing.follow import open_store
from curator.index.file.trial import trial
from curator.index.images.arrivals import recover_abandoned
from curator.index.images.images import ImageRow, ImageTable
from curator.index.images.row_text import RowText
from curator.index.schema.creation import create_index, is_indexed
from curator.index.schema.opening import open_index
from curator.index.sets.bitmaps import Bitmaps, Flag
from curator.index.tables.batches import Batches
from curator.index.tables.tables import Tables
from curator.index.undo.journal import Journal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.contract.progress import Progress
    from curator.index.file.database import Database
    from curator.index.sets.columns import Columns
    from curator.index.tags.tag_table import Tag, TagTable

# a person's edits may fill the write buffer so many times further than a job's, which can wait for compaction
HUMAN_EDIT_BUFFER_FACTOR = 4


class Collection:
    """One open collection. Usable from several threads; a long job (a scan) should open its own.

    Reading several things that must agree belongs inside `with collection.reading():`.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self._store = open_store(database)
        self.images = ImageTable(self._store)
        self.journal = Journal(self._store)
        self._path_ranks: dict[str, tuple[int, NDArray[np.int64]]] = {}
        self._tables = tables = Tables(self._store, self.journal)
        self.settings, self.subsets, self.saved_filters = (
            tables.settings,
            tables.subsets,
            tables.saved_filters,
        )
        self._batches = Batches(self.journal, self.settings)
        self.picks, self.aliases, self.rule_tags = tables.picks, tables.aliases, tables.rule_tags
        self.metadata, self.scores, self.fingerprints = tables.metadata, tables.scores, tables.fingerprints
        self.folders, self.quarantine = tables.folders, tables.quarantine

    @classmethod
    def open(cls, folder: Path) -> Collection:
        """The collection of `folder`; a UserError where there is none, or none this program can read."""
        folder = folder.absolute()
        return cls(folder, open_index(folder))

    @classmethod
    def create(cls, folder: Path) -> Collection:
        """A new, empty collection in `folder`, which is made if need be."""
        create_index(folder.absolute())
        return cls.open(folder)

    @classmethod
    def exists(cls, folder: Path) -> bool:
        return is_indexed(folder)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Collection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        return self._database.path

    @property
    def tags(self) -> TagTable:
        return self._store.tags

    @property
    def bitmaps(self) -> Bitmaps:
        """Images per tag and flag; what it gives is shared, copy before changing."""
        return self._store.bitmaps

    @property
    def columns(self) -> Columns:
        """Numbers per image, as numpy arrays indexed by id."""
        return self._store.columns

    @contextmanager
    def reading(self) -> Generator[None]:
        """One snapshot of everything read inside."""
        with self._database.reading():
            yield

    @contextmanager
    def writing(self, *, durable: bool = False) -> Generator[None]:
        """One transaction, whole or not at all."""
        with self._database.writing(durable=durable):
            yield

    def changed(self) -> bool:
        """Whether another process or connection wrote since this one last read."""
        return self._database.changed()

    @contextmanager
    def row_text(self, cancel: Callable[[], bool] | None = None) -> Generator[RowText]:
        """Long walks over paths and captions, on a connection of their own unless inside `reading`."""
        with self._database.read_connection() as connection:
            yield RowText(connection, cancel)

    def path_ranks(self, field: str, cancel: Callable[[], bool] | None = None) -> NDArray[np.int64]:
        """A number per image id that sorts as its path or name does; made once (seconds for millions), then kept."""
        with self.reading():
            state = self.journal.last_file_change()
        known = self._path_ranks.get(field)
        if known is None or known[0] != state:
            with self.row_text(cancel) as rows:
                known = self._path_ranks[field] = (state, rows.ranks(field))
        return known[1]

    def rows(self, ids: Sequence[int]) -> list[ImageRow]:
        """Image rows in the order asked."""
        with self.reading():
            return self.images.rows([int(number) for number in ids])

    def tags_of(self, image: int) -> list[Tag]:
        """The tags of one image in caption order."""
        with self.reading():
            return self.tags.get(self.images.tag_ids(image))

    def tag_names(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        """The tags of many images, each in caption order."""
        with self.reading():
            return self.tags.names_of(self.images.tag_lists([int(number) for number in ids]))

    def captions(self, ids: Sequence[int]) -> dict[int, str]:
        """The free captions of many images, of those that have one."""
        with self.reading():
            some = BitMap(ids) & self.bitmaps.of(Flag.CAPTIONED)
            return dict(self.images.captions(some)) if some else {}

    def all_tags(self) -> list[Tag]:
        """Every tag in use, the most common first."""
        with self.reading():
            return self.tags.all()

    def tags_on(self, images: Sequence[int]) -> list[Tag]:
        """Every tag that one of a few images has."""
        with self.reading():
            numbers = np.flatnonzero(self.images.tag_counts(sorted(int(number) for number in images)))
            return self.tags.get(numbers.tolist())

    def find_tags(self, typed: str, limit: int = 20) -> list[tuple[Tag, str]]:
        """Tags by any part of their name or of an alias (row B15), and the alias where it was that.

        Names that start so come first, then those with a word that does; the common first.
        """
        with self.reading():
            return self._tables.tag_search.find(typed, limit)

    def preview(self, edit: Edit, ids: Iterable[int] | BitMap | None = None) -> int:
        """How many images `apply` would change; nothing is written."""
        from curator.index.editing.plan import images_to_change
        from curator.index.editing.snapshot import read_snapshot

        with self.reading():
            return len(images_to_change(edit, read_snapshot(self._store, edit, ids)))

    def apply(
        self,
        edit: Edit,
        ids: Iterable[int] | BitMap | None = None,
        actor: str = "you",
        *,
        durable: bool = True,
    ) -> Commit:
        """Edit images (None: every image), as one commit that `undo` takes back.

        `durable` is on the disk within a second; a tagger that writes without pause leaves that to the next checkpoint.
        """
        from curator.index.editing.plan import plan
        from curator.index.editing.snapshot import read_snapshot

        if isinstance(edit, Rewrite) and not durable:
            with self.reading():  # a job looks its tags up while nobody waits for it
                self.tags.ids_of(name for each in edit.annotations for name in each.tags or ())
        with self.writing(durable=durable):
            change_set = plan(edit, read_snapshot(self._store, edit, ids))
            commit = self.journal.commit(change_set, actor)
            compact_if_large(self._store, LARGE_BYTES * (HUMAN_EDIT_BUFFER_FACTOR if durable else 1))
            return commit

    @contextmanager
    def grouped(self, what: str = "", actor: str = "you") -> Generator[None]:
        """Make the edits made inside one commit, called `what` and by their lines: all of them, or none.

        For marks, subsets, rules, saved filters and picks. Other writers wait meanwhile.
        """
        with self._tables.records.grouped(what, actor):
            yield

    @contextmanager
    def batch(self) -> Generator[None]:
        """Make what one undo takes back of the commits made inside, which stay apart in the history: all, or none.

        For edits of every kind. Other writers wait meanwhile.
        """
        with self.writing(durable=True), self._batches.remembered():
            yield

    @contextmanager
    def trial(self) -> Generator[None]:
        """Take back at the end what is written inside: it shows what that would do. Other writers wait meanwhile."""
        with trial(self._database):
            yield

    def undo(self, actor: str = "you", commit: int | None = None) -> Commit | None:
        """Take the newest commit of `actor` back with its batch, or the one named alone; None where there is none.

        Commits made since stay in force; what they changed of the same is skipped, and counted (`skipped`).

        Raises:
            UserError: there is no such commit, or it is undone.
        """
        with self.writing(durable=True):
            return self._batches.undo(actor) if commit is None else self.journal.undo_commit(commit, actor)

    def redo(self, actor: str = "you", commit: int | None = None) -> Commit | None:
        """Do again what `actor` took back last, or the commit named; None where there is nothing.

        Raises:
            UserError: there is no such commit, or it stands.
        """
        with self.writing(durable=True):
            return self._batches.redo(actor) if commit is None else self.journal.redo_commit(commit, actor)

    def history(self, limit: int = 50) -> list[Commit]:
        """The newest edits first."""
        with self.reading():
            return self.journal.history(limit)

    def count_edits(self) -> int:
        """How many edits the history has."""
        with self.reading():
            return self.journal.count()

    def history_of(self, image: int, limit: int = 20) -> list[Commit]:
        """The newest edits that changed one image; 0 is all."""
        with self.reading():
            return self.journal.of_image(image, limit)

    def fold(self, budget_s: float | None = None) -> int:
        """Bring rows up to date with large edits, for so many seconds (None: to the end); gives images that wait.

        For idle time. What is read never depends on it, but for the rows a broken-off import left: they appear now.
        """
        recover_abandoned(self._store, self.folder)
        left = fold_for(self._store, budget_s)
        if budget_s is None:
            self.compact()
        return left

    def compact(self) -> None:
        """Bring what small commits left together into its own rows, so that the next reader has less to add up."""
        compact_all(self._store)

    @property
    def has_written(self) -> bool:
        """Whether this collection was changed through this object."""
        return self._database.has_written

    def waiting(self) -> int:
        """How many images have large edits that have not reached their rows."""
        with self.reading():
            return len(self._store.pending.images())

    def checkpoint(self) -> None:
        """Bring the write-ahead log into `frieze.db`, so that the one file is all there is to copy."""
        self._database.checkpoint()

    def warm(self, is_cancelled: Callable[[], bool]) -> int:
        """Bring a cold file into the system's cache, for the filters to come; gives how many pieces that took."""
        from curator.index.sets.read_ahead import warm

        return warm(self._database, is_cancelled)

    def limit_caches(self, pages_mib: int, sets_mib: int) -> None:
        """How many MiB are kept in memory: of the pages of the file; of bitmaps, and of columns."""
        self._database.keep_pages(pages_mib)
        self.bitmaps.most_bytes = self.columns.most_bytes = sets_mib << 20

    def wait_at_most(self, seconds: float) -> None:
        """How long a write waits from now on while another program writes."""
        self._database.patience_s = seconds

    def check(self, progress: Progress | None = None) -> list[str]:
        """What does not agree with the rows: one sentence each, none where all is well."""
        with self.reading():
            from curator.index.images.derived import check

            return check(self._store, progress)

    def rebuild(self, progress: Progress | None = None) -> None:
        """Make everything derived again from the rows; whole or, where `progress` raises, not at all."""
        with self.writing(durable=True):
            from curator.index.images.derived import rebuild

            rebuild(self._store, progress)
