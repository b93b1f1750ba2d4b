"""Decides when an edit by a person is safe from a power cut: its log is flushed to the disk at once, by a thread.

SQLite's own `synchronous=FULL` would flush while holding the write lock, and all that busy jobs wrote meanwhile with
it: on a loaded disk a key would wait a tenth of a second. Here the edit is seen, and others may write, while one
flush covers all edits made until it begins. Whoever closes the index waits for the last one.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path


class Flusher:
    """Flushes the write-ahead log of one index."""

    def __init__(self, index: Path) -> None:
        self._log = Path(f"{index}-wal")
        self._thread = ThreadPoolExecutor(1, "flush")
        self._next: Future[None] | None = None

    def ask(self) -> None:
        """What is committed by now shall reach the disk soon.

        Raises:
            OSError: an earlier flush failed; it is said once.
        """
        if self._next and self._next.done():
            self.wait()
        if self._next is None or self._next.running():  # one that has not begun will cover this commit too
            self._next = self._thread.submit(_flush, self._log)

    def wait(self) -> None:
        """Return when all that was asked for is on the disk.

        Raises:
            OSError: the disk refused it.
        """
        asked, self._next = self._next, None
        if asked:
            asked.result()

    def close(self) -> None:
        """`wait`, and end the thread."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()


def _flush(log: Path) -> None:
    try:
        file = os.open(log, os.O_RDWR)
    except FileNotFoundError:
        return  # the last connection to close has brought it into the index, and flushed that
    try:
        os.fsync(file)
    finally:
        os.close(file)  # SQLite's locks are on other files: closing one of those would drop them
