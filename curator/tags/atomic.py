"""Decides how a small file is replaced: a whole new one beside it takes its name, so no reader ever sees half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace_file(path: str, data: bytes) -> os.stat_result:
    """Write `data` as `path`, keeping its permissions; a link stays a link. Gives the new file's status."""
    target = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(prefix=".frieze-", dir=Path(target).parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), _mode(target))
            status = os.fstat(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink()
        raise
    return status


def _mode(path: str) -> int:
    try:
        return Path(path).stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
