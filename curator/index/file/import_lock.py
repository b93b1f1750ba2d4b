"""The lock of a running import: a file lock, released by the system when a process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.locations import IMPORT_LOCK


class ImportLock:
    """The right to import in bulk into one collection."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / IMPORT_LOCK
        self._handle: int | None = None

    def take(self) -> None:
        """Have it, or a UserError."""
        if not self.try_take():
            raise UserError(
                "another import into this collection is running", "wait for it to finish, or end it"
            )

    def try_take(self) -> bool:
        """Whether nobody else had it; now this one has."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Let it go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
