"""Decides what is counted about the data before a run: pictures and tags, for the weights' metadata."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from curator.contract.manifest import Manifest

_MOST_TAGS = 1000  # a subset; the rest would make the metadata larger than the weights


@dataclass(frozen=True)
class Survey:
    """Counts by subset index and bucket index."""

    images: list[int]
    bucket_images: list[int]
    tags: list[list[tuple[str, int]]]  # of each subset, the most frequent first


def survey(manifest: Manifest) -> Survey:
    """Go through all rows once."""
    header = manifest.header
    images, buckets = [0] * len(header.subsets), [0] * len(header.buckets)
    tags: list[Counter[str]] = [Counter() for _ in header.subsets]
    for image in manifest.images():
        images[image.subset] += 1
        buckets[image.bucket] += 1
        tags[image.subset].update((*image.parts.head, *image.parts.middle, *image.parts.tail))
    return Survey(images, buckets, [counter.most_common(_MOST_TAGS) for counter in tags])
