"""The lock of a run's folder: a worker holds it for its life, who renames or removes the run for a moment.

The file begins with "r" but while a worker that said who it is holds it, and is long: space for a run's last words.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

_AT_REST = b"r"
_PATIENCE_S = 0.5
_RESERVE_BYTES = 1 << 16


class InUseError(Exception):
    """Another holds the lock."""


@contextmanager
def resting(path: Path) -> Generator[int]:
    """Hold the lock at `path` as no worker while the `with` lasts; gives its descriptor.

    Raises:
        InUseError: another holds it.
        OSError: it cannot be opened or made.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _locked_within(lock, _PATIENCE_S):
            raise InUseError
        _rest(lock)
        try:
            yield lock
        finally:
            _rest(lock)
    finally:
        os.close(lock)


def take_reserve(lock: int) -> None:
    """Let the lock's file take space that `free_reserve` gives back; an `OSError` where there is none."""
    os.pwrite(lock, bytes(_RESERVE_BYTES), len(_AT_REST))


def free_reserve(path: Path) -> None:
    """Give the space back: on a full disk it is what last words are written to."""
    with suppress(OSError):
        os.truncate(path, 0)


def work(lock: int) -> None:
    """Hold it as a worker from now on; an `OSError` where that cannot be written."""
    os.pwrite(lock, bytes(len(_AT_REST)), 0)


def is_worked(path: Path, *, had_worker: bool) -> bool:
    """Whether a worker holds it. A file that is empty tells nothing: one that freed its reserve, or one just made."""
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: lookers do not see each other
    except BlockingIOError:
        with suppress(OSError):
            if first := os.pread(lock, len(_AT_REST), 0):
                return first != _AT_REST
        return had_worker
    finally:
        os.close(lock)
    return False


def _rest(lock: int) -> None:
    with suppress(OSError):  # a full disk keeps nobody from removing what fills it
        os.pwrite(lock, _AT_REST, 0)


def _locked_within(lock: int, seconds: float) -> bool:
    """Take the lock. Whoever asks for the status holds it for an instant, which must not turn a worker away."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True
