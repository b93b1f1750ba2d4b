"""The collection, manifest or run a command means."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.errors import UserError, did_you_mean
from curator.contract.locations import (
    MANIFEST_SUFFIX,
    has_collection,
    manifest_files,
    manifests_folder,
    runs_folder,
)
from curator.contract.text import visible

if TYPE_CHECKING:
    from curator.session.manifests import Manifests
    from curator.session.runs import Runs
    from curator.session.session import Session

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
            raise UserError(
                f"there is no collection in {visible(str(given))}{named}", "make one with 'frieze scan DIR'"
            )
        return given
    found = enclosing_collection(Path.cwd())
    if found is None:
        raise UserError(
            "there is no collection here or above",
            f"make one with 'frieze scan DIR', or give --collection or ${COLLECTION_VARIABLE}",
        )
    return found


@contextmanager
def opened(given: Path | None) -> Generator[Session]:
    """The collection a command works on, opened."""
    from curator.session.session import Session

    with Session.opened(collection_folder(given)) as session:
        yield session


def runs_of(given: Path | None) -> Runs:
    """The runs of the collection; outside of one, those of the folder `runs` here."""
    from curator.session.runs import Runs

    if given is None and enclosing_collection(Path.cwd()) is None:
        return Runs(runs_folder(Path.cwd()))
    return Runs(runs_folder(collection_folder(given)))


def manifests_of(given: Path | None) -> Manifests:
    """The manifests of the collection; outside of one, those of the folder `manifests` here."""
    from curator.session.manifests import Manifests

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
    raise UserError(f"there is no manifest '{visible(name)}'", hint)
