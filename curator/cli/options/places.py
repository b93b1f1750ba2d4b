"""The collection, manifest or run a command means."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError, did_you_mean
from curator.contract.locations import (
    MANIFEST_SUFFIX,
    caches_folder,
    has_collection,
    manifest_files,
    manifests_folder,
    runs_folder,
)

if TYPE_CHECKING:
    from curator.session.images.names import Names
    from curator.session.session import Session
    from curator.session.training.caches import Caches
    from curator.session.training.manifests import Manifests
    from curator.session.training.runs import Runs

COLLECTION_VARIABLE = "FRIEZE_COLLECTION"  # names the collection where --collection does not


def enclosing_collection(folder: Path) -> Path | None:
    """The nearest folder with a collection, from `folder` upwards, as git finds a repository."""
    here = folder.absolute()
    return next((each for each in (here, *here.parents) if has_collection(each)), None)


def collection_folder(given: Path | None) -> Path:
    """The folder of the collection a command works on.

    Raises:
        UserError: there is none.
    """
    if given is not None:
        if not has_collection(given):
            named = f" (${COLLECTION_VARIABLE})" if str(given) == os.environ.get(COLLECTION_VARIABLE) else ""
            raise UserError(f"there is no collection in {given}{named}", "make one with 'frieze scan DIR'")
        return given
    found = enclosing_collection(Path.cwd())
    if found is None:
        raise UserError(
            "there is no collection here or above",
            f"make one with 'frieze scan DIR', or give --collection or ${COLLECTION_VARIABLE}",
        )
    return found


@dataclass
class _Shared:
    """The session of several commands, once the first of them has opened it, and how it is closed."""

    closing: ExitStack
    session: Session | None = None


_shared: ContextVar[_Shared | None] = ContextVar("shared session", default=None)


@contextmanager
def opened(given: Path | None) -> Generator[Session]:
    """The collection a command works on, opened; inside `opened_together` the one that is open.

    Raises:
        UserError: there is none, or another one is open.
    """
    from curator.session.session import Session

    folder = collection_folder(given)
    if shared := _shared.get():
        if shared.session is None:
            shared.session = shared.closing.enter_context(interrupts_told(Session.opened(folder)))
            shared.closing.enter_context(shared.session.edits.batch())
        elif not folder.samefile(shared.session.folder):
            raise UserError("an atomic batch changes one collection", "use a batch for each")
        yield shared.session
        return
    with interrupts_told(Session.opened(folder)) as session:
        yield session


@contextmanager
def interrupts_told(opening: AbstractContextManager[Session]) -> Generator[Session]:
    """A session; whoever interrupts what is done with it is told of the changes that are made all the same.

    Raises:
        KeyboardInterrupt: with these words.
    """
    made: list[int] = []
    try:
        with opening as session, session.edits.recorded() as commits:
            try:
                yield session
            except KeyboardInterrupt:
                made = session.edits.made(commits) if commits else []
                raise
            made = commits
    except KeyboardInterrupt as interrupt:
        if not made or str(interrupt):
            raise
        changes = "a change was" if len(made) == 1 else f"{len(made):,} changes were"
        raise KeyboardInterrupt(
            f"interrupted, but {changes} made before: see 'frieze history'; nothing is half-written"
        ) from None


@contextmanager
def opened_together() -> Generator[None]:
    """One session, and one undo step, for the commands inside: what they change is kept if none raises."""
    with ExitStack() as closing:
        token = _shared.set(_Shared(closing))
        try:
            yield
        finally:
            _shared.reset(token)


@contextmanager
def opened_names(given: Path | None) -> Generator[Names]:
    """The names in the collection a command works on, for one that lists nothing else."""
    from curator.session.images.names import open_names

    with open_names(collection_folder(given)) as names:
        yield names


def runs_of(given: Path | None) -> Runs:
    """The runs of the collection; outside of one, those of the folder `runs` here."""
    from curator.session.training.runs import Runs

    if given is None and enclosing_collection(Path.cwd()) is None:
        return Runs(runs_folder(Path.cwd()))
    return Runs(runs_folder(collection_folder(given)))


def caches_of(given: Path | None, folder: Path | None) -> Caches:
    """The caches in `folder`, else those of the collection; outside of one, those of the folder `caches` here.

    Raises:
        UserError: there is no such folder.
    """
    from curator.session.training.caches import Caches

    outside = given is None and enclosing_collection(Path.cwd()) is None
    home = Path.cwd() if outside else collection_folder(given)
    if folder is not None and not folder.is_dir():
        raise UserError(f"there is no folder {folder}", "give the one that cache.folder of a recipe names")
    return Caches(folder or caches_folder(home), home)


def manifests_of(given: Path | None) -> Manifests:
    """The manifests of the collection; outside of one, those of the folder `manifests` here."""
    from curator.session.training.manifests import Manifests

    folder = enclosing_collection(Path.cwd()) if given is None else given
    return Manifests(manifests_folder(folder or Path.cwd()))


def manifest_file(name: str, given: Path | None) -> Path:
    """The manifest of that path, or of that name in the collection.

    Raises:
        UserError: there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    folder = enclosing_collection(Path.cwd()) if given is None else collection_folder(given)
    known = {file.stem: file for file in manifest_files(manifests_folder(folder))} if folder else {}
    if name.removesuffix(MANIFEST_SUFFIX) in known:
        return known[name.removesuffix(MANIFEST_SUFFIX)]
    hint = did_you_mean(name, known) if known else "make one with 'frieze freeze NAME'"
    raise UserError(f"there is no manifest '{name}'", hint)
