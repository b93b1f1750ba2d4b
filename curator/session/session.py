"""The session: everything the app and the command line can do to one collection, a part for each noun.

Screens translate keys to these calls, commands translate words to them; neither knows what is behind. What depends on
how things are is read, changed and written while nobody else writes, so that of two programs at once neither takes
back what the other did. No Textual, no Typer, no torch here.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.locations import caches_folder, manifests_folder, runs_folder, thumbnails_folder
from curator.index.collection import Collection
from curator.session.images.copies import Copies
from curator.session.images.edits import Edits
from curator.session.images.exchange import Exchange, Sidecars
from curator.session.images.filters import Filters
from curator.session.images.images import Images, Quarantine
from curator.session.images.picks import Picks
from curator.session.images.proposals import Proposals
from curator.session.images.rules import Rules
from curator.session.images.tags import Tags
from curator.session.images.thumbnails import Thumbnails
from curator.session.memory import Memory
from curator.session.training.buckets import Buckets
from curator.session.training.caches import Caches
from curator.session.training.captions import Captions
from curator.session.training.judging import Judging
from curator.session.training.manifests import Freezing, Manifests
from curator.session.training.regularisation import Regularisation
from curator.session.training.runs import Runs
from curator.session.training.subsets import Subsets
from curator.session.upkeep import Upkeep

_FOLD_AT_CLOSE_S = 0.5
_CLOSE_PATIENCE_S = 1.0


class Session:
    """One open collection. Calls may come from any thread; long ones take a `progress` that may raise to cancel."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.folder = collection.folder
        self.images = Images(collection)
        self.edits = Edits(collection)
        self.tags = Tags(collection)
        self.rules = Rules(collection)
        self.copies = Copies(collection)
        self.filters = Filters(collection)
        self.subsets = Subsets(collection)
        self.picks = Picks(collection)
        self.buckets = Buckets(collection)
        self.captions = Captions(collection)
        self.caches = Caches(caches_folder(collection.folder), collection.folder)
        self.freezing = Freezing(collection)
        self.manifests = Manifests(manifests_folder(collection.folder))
        self.regularisation = Regularisation(collection)
        self.exchange = Exchange(collection)
        self.sidecars = Sidecars(collection)
        self.judging = Judging(collection)
        self.runs = Runs(runs_folder(collection.folder))
        self.proposals = Proposals(collection)
        self.quarantine = Quarantine(collection)
        self.thumbnails = Thumbnails(thumbnails_folder(collection.folder))
        self.memory = Memory(collection)
        self.upkeep = Upkeep(collection)
        self._has_written_apart = False

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
        self.upkeep.limit_wait(_CLOSE_PATIENCE_S)
        try:
            self.upkeep.fold(_FOLD_AT_CLOSE_S)
            if self.has_written:
                self.upkeep.compact()
        except UserError:
            pass  # a full disk or a busy index: nothing is lost, edits wait in the journal
        finally:
            self._collection.close()

    def leave(self) -> None:
        """Close at once: rows are brought up to date by another session."""
        self._collection.close()

    @contextmanager
    def apart(self) -> Generator[Session]:
        """A session of its own for long work in a thread: this one answers meanwhile, and sees what came of it."""
        own = Session.open(self.folder)
        try:
            yield own
        finally:
            self._has_written_apart |= own.has_written
            own.leave()

    @property
    def has_written(self) -> bool:
        """Whether the collection was changed through this session, or by its work apart."""
        return self._collection.has_written or self._has_written_apart

    def changed(self) -> bool:
        """Whether another process changed the collection since the last look."""
        return self._collection.changed()

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Generator[Session]:
        """The collection in `folder`, closed at the end; what fails inside on a damaged index is a UserError."""
        from curator.index.damage import damage_reported

        with damage_reported(folder), cls.open(folder) as session:
            yield session
