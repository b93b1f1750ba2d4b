"""Decides how it is known that an image's words are still those a sidecar was read with or written from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def text_digest(suffix: str, tags: Sequence[str], caption: str) -> bytes:
    """Whether the words a sidecar of this kind holds are still those last read from or written to it."""
    words = [*(tags if suffix != ".caption" else ()), "", caption if suffix != ".txt" else ""]
    return hashlib.sha256("\n".join(words).encode("utf-8", "surrogatepass")).digest()[:8]
