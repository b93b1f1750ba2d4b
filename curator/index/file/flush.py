"""Flushing of edits by people to disk: within a second, by a thread; at once when all is closed.

SQLite's own `synchronous=FULL` flushes while it holds the write lock, and all that busy jobs wrote meanwhile with it; a
flush after every edit makes jobs wait for the disk with the lock in their hands. On a loaded disk either keeps a key
waiting for a tenth of a second. Here an edit is seen, and others may write, while one flush a second covers all edits.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from time import monotonic

_PAUSE_S = 1.0


class Flusher:
    """Flushes the write-ahead log of one index."""

    def __init__(self, index: Path) -> None:
        self._log = Path(f"{os.path.realpath(index)}-wal")  # where SQLite has it
        self._thread = ThreadPoolExecutor(1, "flush")
        self._lock = Lock()
        self._is_asked = False  # a flush is to come that will cover what is committed by now
        self._last: Future[None] | None = None
        self._not_before = 0.0
        self._hurry = Event()
        self._failure: OSError | None = None

    def ask(self) -> None:
        """What is committed by now shall reach the disk soon.

        Raises:
            OSError: an earlier flush failed; it is said once.
        """
        with self._lock:
            if not self._is_asked:
                self._is_asked = True
                self._last = self._thread.submit(self._flush)
        self._tell_failure()

    def wait(self) -> None:
        """Return when all that was asked for is on the disk.

        Raises:
            OSError: the disk refused it.
        """
        self._hurry.set()
        if self._last:
            self._last.result()
        self._hurry.clear()
        self._tell_failure()

    def close(self) -> None:
        """`wait`, and end the thread."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()

    def _flush(self) -> None:
        self._hurry.wait(max(0.0, self._not_before - monotonic()))
        with self._lock:
            self._is_asked = False
        try:
            _flushed(self._log)
        except OSError as error:
            self._failure = error
        self._not_before = monotonic() + _PAUSE_S

    def _tell_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure:
            raise failure


def _flushed(log: Path) -> None:
    try:
        file = os.open(log, os.O_RDWR)
    except FileNotFoundError:
        return  # the last connection to close has brought it into the index, and flushed that
    try:
        os.fsync(file)
    finally:
        os.close(file)  # SQLite's locks are on other files: closing one of those would drop them
