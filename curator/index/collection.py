"""Decides what a collection offers to the layers above: open, rows, edits, undo, subsets, settings."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index import derived
from curator.index.bitmaps import Bitmaps, bitmap_of
from curator.index.columns import Columns
from curator.index.database import Database
from curator.index.edits import (
    AddTags,
    Commit,
    Edit,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetClass,
    SetMark,
)
from curator.index.images import ImageRow, ImageTable, NewImage
from curator.index.journal import Journal
from curator.index.migrations import migrate
from curator.index.plan import names_shown, plan
from curator.index.small_tables import Quarantine, Settings, SubsetTable
from curator.index.store import Store
from curator.index.tag_table import Tag, TagTable

FILE_NAME = "frieze.db"


class Collection:
    """One open collection. Usable from several threads; a long job (a scan) should open its own.

    Reading several things that must agree belongs inside `with collection.reading():`.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self._store = Store(database)
        self.images = ImageTable(self._store)
        self.settings = Settings(database)
        self.subsets = SubsetTable(database)
        self.quarantine = Quarantine(database.connection)
        self.journal = Journal(self._store)

    @classmethod
    def open(cls, folder: Path) -> Collection:
        """The collection of `folder`; a UserError where there is none, or none this program can read."""
        return cls._opened(folder, create=False)

    @classmethod
    def create(cls, folder: Path) -> Collection:
        """A new, empty collection in `folder`, which is made if need be."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"cannot make the folder {visible(str(folder))}: {error.strerror}"
            raise UserError(what, "give a folder you may write to") from error
        return cls._opened(folder, create=True)

    @classmethod
    def exists(cls, folder: Path) -> bool:
        return (folder / FILE_NAME).exists()

    @classmethod
    def _opened(cls, folder: Path, *, create: bool) -> Collection:
        folder = folder.absolute()
        database = Database.open(folder / FILE_NAME, create=create)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(folder, database)

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
            rows = [self.images.tag_ids(int(number)) for number in ids]
            wanted = sorted({tag for row in rows for tag in row})
            names = {tag.id: tag.name for tag in self.tags.get(wanted)}
        return [tuple(names[tag] for tag in row) for row in rows]

    def all_tags(self) -> list[Tag]:
        """Every tag in use, the most common first."""
        with self.reading():
            return self.tags.all()

    def add_images(self, images: Sequence[NewImage]) -> list[int]:
        """Append one durable batch of images."""
        with self.writing():
            return self.images.add(images)

    def preview(self, edit: Edit, ids: Iterable[int] | BitMap | None = None) -> int:
        """How many images `apply` would change; nothing is written."""
        from curator.index.measure import images_to_change

        with self.reading():
            return images_to_change(self._store, edit, self._selected(ids))

    def apply(self, edit: Edit, ids: Iterable[int] | BitMap | None = None, actor: str = "you") -> Commit:
        """Edit images (None: every image), as one commit that `undo` takes back."""
        with self.writing(durable=True):
            changes = plan(self._store, edit, self._selected(ids))
            return self.journal.commit(changes, actor, describe(edit))

    def undo(self, actor: str = "you") -> Commit | None:
        """Take the newest commit back; None where there is none."""
        with self.writing(durable=True):
            return self.journal.undo(actor)

    def redo(self, actor: str = "you") -> Commit | None:
        """Do again what was undone last; None where there is nothing."""
        with self.writing(durable=True):
            return self.journal.redo(actor)

    def history(self, limit: int = 50) -> list[Commit]:
        """The newest edits first."""
        with self.reading():
            return self.journal.history(limit)

    def check(self) -> list[str]:
        """What does not agree with the rows: one sentence each, none where all is well."""
        with self.reading():
            return derived.check(self._store)

    def rebuild(self) -> None:
        """Make everything derived again from the rows."""
        with self.writing(durable=True):
            derived.rebuild(self._store)

    def _selected(self, ids: Iterable[int] | BitMap | None) -> BitMap:
        alive = self._store.alive()
        return alive if ids is None else bitmap_of(ids) & alive


def describe(edit: Edit) -> str:
    """An edit as one line of the history."""
    match edit:
        case AddTags(names, at):
            text = f"add {names_shown(names)}" + ("" if at == "end" else f" at {at}")
        case RemoveTags(names):
            text = f"remove {names_shown(names)}"
        case RenameTag(old, new):
            text = f"rename '{old}' to '{new}'"
        case ReorderTags():
            text = "reorder tags"
        case SetCaption(caption):
            text = f"set caption '{caption[:40]}'"
        case SetMark(mark):
            text = {1: "mark keep", -1: "mark reject"}.get(mark, "unmark")
        case SetClass(names, cls):
            text = f"class of {names_shown(names)} is {cls}"
        case Rewrite(_, why):
            text = why
    return visible(text)
