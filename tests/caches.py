"""A cache of made-up latents of a manifest's images, as a run with `cache.latents = "disk"` leaves one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from curator.contract.cache.entries import laid_out
from curator.contract.cache.groups import Group, made_group
from curator.contract.cache.shards import Entry, ShardWriter
from curator.contract.cache.subjects import latent_subject
from curator.contract.locations import caches_folder
from curator.contract.manifest.manifest import open_manifest


def latents_of(index: int, bucket: tuple[int, int]) -> np.ndarray:
    """Moments [2, 4, h/8, w/8] in float16."""
    numbers = np.random.default_rng(index).normal(size=(2, 4, bucket[1] // 8, bucket[0] // 8))
    return numbers.astype(np.float16)


def entry_of(moments: np.ndarray) -> bytes:
    """The bytes of an entry."""
    head, (part,) = laid_out([("float16", moments.shape)])
    return head + bytes(part.offset - len(head)) + moments.tobytes()


def write_cache(collection: Path, manifest: Path, family: str = "sd1", vae: str = "a") -> Group:
    """Of all images of a manifest, plain and mirrored."""
    group = made_group(caches_folder(collection), "latents", ("a/model", family), {"vae": vae})
    entries: list[Entry] = []
    with open_manifest(manifest) as opened:
        for index, image in enumerate(opened.images()):
            for flip in (False, True):
                subject = latent_subject(
                    image.sha256, image.placement, opened.header.rule.resample, flip=flip
                )
                moments = latents_of(2 * index + flip, image.placement.bucket)
                key = hashlib.blake2b(subject, digest_size=16).digest()
                entries.append(Entry(key, subject, entry_of(moments)))
        group.mark_used(opened.digest, str(manifest))
    with ShardWriter(group.folder) as writer:
        writer.append(entries)
    return group
