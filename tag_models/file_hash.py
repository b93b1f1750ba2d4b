"""The sha256 of a model's weights, by which what it said of images is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from curator.contract.files.regular_file import open_regular

_BLOCK_BYTES = 1 << 22


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex; raises `OSError` where it cannot be read."""
    found = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()
