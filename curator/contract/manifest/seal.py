"""The seal of a manifest file: a checksum of all its bytes behind the last page.

SQLite reads as many pages as its header counts and passes over what follows. Any changed, lost or added byte
breaks the seal, in unused space too; copying keeps it. Reading 3.6 million rows takes half a minute, hashing
their file half a second: so this is what every reader checks first.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from curator.contract.errors import UserError
from curator.contract.files.regular_file import open_regular

_MARK = b"frieze-seal:"
_SEAL_BYTES = len(_MARK) + hashlib.sha256().digest_size
_READ_BYTES = 1 << 20


def seal(path: Path) -> None:
    """Put the seal behind a finished file, and the file on the disk."""
    with path.open("r+b") as file:
        digest = _sha256(file, os.fstat(file.fileno()).st_size)
        file.seek(0, os.SEEK_END)
        file.write(_MARK + digest)
        file.flush()
        os.fsync(file.fileno())


class DamagedManifestError(UserError):
    """A manifest that is not what was frozen, or says what none can say."""


def verify_seal(path: Path) -> None:
    """Compare the file with its seal.

    Raises:
        UserError: it is not as it was sealed, or cannot be read.
    """
    try:
        with open_regular(path) as file:
            content = max(os.fstat(file.fileno()).st_size - _SEAL_BYTES, 0)
            file.seek(content)
            found = file.read(_SEAL_BYTES)
            file.seek(0)  # what ends without a seal need not be hashed
            is_whole = found.startswith(_MARK) and found == _MARK + _sha256(file, content)
    except OSError as error:
        raise UserError(
            f"the manifest {path} cannot be read: {error.strerror}", "check the file's rights"
        ) from error
    if not is_whole:
        raise changed(path)


def changed(path: Path) -> DamagedManifestError:
    """The error about a manifest that is not what was frozen."""
    return DamagedManifestError(
        f"the manifest {path} was changed after it was frozen",
        "restore a copy of it, or freeze again",
    )


def _sha256(file: BinaryIO, size: int) -> bytes:
    digest = hashlib.sha256()
    while size and (block := file.read(min(size, _READ_BYTES))):
        digest.update(block)
        size -= len(block)
    return digest.digest()
