"""Damage of an index, told from faults of the program: what fails on a damaged index is no bug."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from curator.contract.errors import UserError
from curator.index.collection import Collection
from curator.index.schema.faults import SIGNS, WAY_BACK


@contextmanager
def damage_reported(folder: Path) -> Generator[None]:
    """What fails inside is a UserError, if the index of `folder` is damaged; else it is what it was."""
    try:
        yield
    except UserError:
        raise
    except SIGNS as error:
        reason = damage(folder)
        if not reason:
            raise
        raise UserError(f"the index in {folder} is damaged: {reason}", WAY_BACK) from error


def damage(folder: Path) -> str:
    """What is wrong with the index of `folder`; empty where it is whole."""
    try:
        with Collection.open(folder) as collection:
            faults = _checked(collection)
    except UserError as error:
        return error.what
    return faults[0] if faults else ""


def _checked(collection: Collection) -> list[str]:
    try:
        return collection.check()
    except UserError:
        raise
    except SIGNS as error:  # a sound index can always be checked
        return [f"{type(error).__name__}: {error}"]
