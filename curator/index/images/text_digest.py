"""Digest of an image's annotations: whether they are still those that a sidecar was read with or written from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from curator.index.images.sidecar_names import kind_of

_BYTES = 8
_FREE = b"\1"  # one byte more


def text_digest(suffix: str, tags: Sequence[str], caption: str, *, free: bool = False) -> bytes:
    """That of the annotations which a sidecar of this kind holds.

    `free` is a `.txt` that is a caption in sentences rather than tags: it holds all that is trained, in one line.
    """
    if free:
        return _digest([" ".join(", ".join(filter(None, (*tags, caption))).split())]) + _FREE
    kind = kind_of(suffix)
    return _digest([*(tags if kind != ".caption" else ()), "", caption if kind != ".txt" else ""])


def is_free(digest: bytes) -> bool:
    """Whether a digest is that of a `.txt` which is a caption in sentences."""
    return len(digest) > _BYTES


def _digest(texts: Sequence[str]) -> bytes:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).digest()[:_BYTES]
