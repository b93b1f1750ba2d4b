"""Decides what is counted about the data before a run: pictures and tags, for the weights' metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from curator.contract.manifest import Manifest, ManifestImage

_MOST_TAGS = 1000  # a subset; the rest would make the metadata larger than the weights


@dataclass(frozen=True)
class Survey:
    """Counts by subset index and bucket index."""

    images: list[int]
    bucket_images: list[int]
    tags: list[list[tuple[str, int]]]  # of each subset, the most frequent first


class CountedManifest:
    """Hands on a manifest's pictures and counts them on the way, so that whoever goes through them is enough."""

    def __init__(self, manifest: Manifest) -> None:
        header = manifest.header
        self._manifest = manifest
        self._images, self._buckets = [0] * len(header.subsets), [0] * len(header.buckets)
        self._tags: list[Counter[str]] = [Counter() for _ in header.subsets]

    def images(self) -> Iterator[ManifestImage]:
        """All pictures, once."""
        for image in self._manifest.images():
            self._images[image.subset] += 1
            self._buckets[image.bucket] += 1
            self._tags[image.subset].update((*image.parts.head, *image.parts.middle, *image.parts.tail))
            yield image

    def file_of(self, image: ManifestImage) -> Path:
        return self._manifest.file_of(image)

    def survey(self) -> Survey:
        """What was counted so far."""
        tags = [counter.most_common(_MOST_TAGS) for counter in self._tags]
        return Survey(self._images, self._buckets, tags)
