"""SQLite files that this process has open: nobody else in it may open one, not even to look.

POSIX drops every lock a process has on a file when it closes any handle of that file. SQLite's locks are such. Without
them, the next program that ends believes itself the last, and removes the write-ahead log under this one.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from threading import Lock
from weakref import WeakKeyDictionary

_lock = Lock()
_files: WeakKeyDictionary[object, tuple[int, int]] = (
    WeakKeyDictionary()
)  # (device, inode) by whoever has it open


def hold(owner: object, path: Path) -> None:
    """`owner` has the SQLite file at `path` open, until `let_go` or its end."""
    status = path.stat()
    with _lock:
        _files[owner] = (status.st_dev, status.st_ino)


def let_go(owner: object) -> None:
    """`owner` has closed its file."""
    with _lock:
        _files.pop(owner, None)


def refuse_live(path: str | Path) -> None:
    """Raise an OSError (`EBUSY`) where `path` is, by whatever name, a database that this process has open."""
    if not _files:
        return
    status = os.stat(path)  # noqa: PTH116  # of millions of files, without a Path each
    with _lock:
        is_live = (status.st_dev, status.st_ino) in _files.values()
    if is_live:
        raise OSError(errno.EBUSY, "it is a database that is open here", os.fspath(path))
