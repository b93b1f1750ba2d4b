"""Decides where a manifest is written until it is whole: in a hidden file beside its place.

Whoever writes holds a lock on its draft, so what a killed process left is known from what a living one writes.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.text import visible

_SUFFIX = ".manifest.part"


@contextmanager
def drafted(path: Path, *, replace: bool) -> Generator[Path]:
    """A file to write to: it becomes `path` when nothing goes wrong, else it vanishes. So do dead drafts beside it.

    Raises:
        UserError: without `replace`, another one has the name by now.
        OSError: the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for other in path.parent.glob(f".*{_SUFFIX}"):
        _remove_dead(other)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}")
    lock = _locked(draft)
    try:
        yield draft
        _publish(draft, path, replace=replace)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        os.close(lock)


def _locked(draft: Path) -> int:
    """Make the file and lock it; again, where another took it for a dead one in between."""
    while True:
        lock = os.open(draft, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), draft.stat()):
                return lock
        os.close(lock)


def _remove_dead(draft: Path) -> None:
    with suppress(OSError):  # a living one is locked; what may not be removed stays
        lock = os.open(draft, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink()
        finally:
            os.close(lock)


def _publish(draft: Path, path: Path, *, replace: bool) -> None:
    if replace:
        os.replace(draft, path)
        return
    try:
        os.link(draft, path)  # unlike a rename, it never takes the place of another
    except FileExistsError:
        raise _taken(path) from None
    except OSError:  # a file system without links
        if path.exists():
            raise _taken(path) from None
        os.replace(draft, path)


def _taken(path: Path) -> UserError:
    return UserError(
        f"there is a manifest at {visible(str(path))} by now",
        "choose another name, or replace it with --replace",
    )
