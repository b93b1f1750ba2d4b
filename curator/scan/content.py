"""Decides what names an image's content: the sha256 of its bytes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Content:
    """The digest, and size and time of the very bytes that were read."""

    sha256: bytes
    file_bytes: int
    mtime_ns: int


def read_content(path: str) -> Content:
    """Read the whole file once, in pieces."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        status = os.fstat(file.fileno())
    return Content(digest, status.st_size, status.st_mtime_ns)
