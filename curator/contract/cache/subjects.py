"""Subjects of cached latents: what of a manifest's image they were made of, as the curator and the trainer tell it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from curator.contract.cache.records import KEY_BYTES

if TYPE_CHECKING:
    from curator.contract.buckets import Placement, Resample

_WAY = "1"  # how files become pixels; a change of that makes all entries other ones


def latent_subject(sha256: str, placement: Placement, resample: Resample, *, flip: bool) -> bytes:
    """A digest of the file's bytes, of how they are scaled and cut, and of whether they are mirrored."""
    what = (_WAY, sha256, placement.resized, placement.crop, resample, flip)
    return hashlib.blake2b(repr(what).encode(), digest_size=KEY_BYTES).digest()
