"""Decides what is counted about the data before a run: pictures, tags, masks, and captions whose brackets mislead."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from curator.contract.manifest import Manifest, ManifestImage
from curator.contract.picture_file import picture_bytes
from curator.contract.prompt_weights import weights_problem
from train.data.masks import mask_file_of

_MOST_TAGS = 1000  # a subset; the rest would make the metadata larger than the weights


class BadBrackets(NamedTuple):
    """Captions whose weights are not what they seem: how many, the first one's picture, and what is wrong there."""

    count: int
    path: str
    problem: str


@dataclass(frozen=True)
class Survey:
    """Counts by subset index and bucket index. `masks` are pictures with a mask file, `masks_digest` says which."""

    images: list[int]
    samples: list[float]  # repeats, added up
    masks: list[int]
    masks_digest: str
    bad_brackets: BadBrackets | None
    bucket_images: list[int]
    tags: list[list[tuple[str, int]]]  # of each subset, the most frequent first


class CountedManifest:
    """Hands on a manifest's pictures and counts them on the way, so that whoever goes through them is enough."""

    def __init__(self, manifest: Manifest, *, weighted_captions: bool) -> None:
        header = manifest.header
        self._manifest = manifest
        self._weighted = weighted_captions
        self._images, self._buckets = [0] * len(header.subsets), [0] * len(header.buckets)
        self._samples, self._masks = [0.0] * len(header.subsets), [0] * len(header.subsets)
        self._masks_digest = hashlib.sha256()
        self._bad_brackets: BadBrackets | None = None
        self._tags: list[Counter[str]] = [Counter() for _ in header.subsets]

    def images(self) -> Iterator[ManifestImage]:
        """All pictures, once."""
        for image in self._manifest.images():
            self._images[image.subset] += 1
            self._samples[image.subset] += image.repeats
            self._look_for_mask(image)
            if self._weighted:
                self._look_at_brackets(image)
            self._buckets[image.bucket] += 1
            self._tags[image.subset].update((*image.parts.head, *image.parts.middle, *image.parts.tail))
            yield image

    def file_of(self, image: ManifestImage) -> Path:
        return self._manifest.file_of(image)

    def _look_for_mask(self, image: ManifestImage) -> None:
        if self._manifest.header.subsets[image.subset].mask != "file":
            return
        mask = mask_file_of(self._manifest.file_of(image))
        if mask is not None:
            self._masks[image.subset] += 1
            self._masks_digest.update(
                f"{image.path}\0{mask.name}\0{_bytes_of(mask)}\0".encode(errors="surrogateescape")
            )

    def _look_at_brackets(self, image: ManifestImage) -> None:
        problem = weights_problem(image.parts, self._manifest.header.subsets[image.subset].rules)
        if problem:
            first = self._bad_brackets or BadBrackets(0, image.path, problem)
            self._bad_brackets = first._replace(count=first.count + 1)

    def survey(self) -> Survey:
        """What was counted so far."""
        tags = [counter.most_common(_MOST_TAGS) for counter in self._tags]
        return Survey(
            images=self._images,
            samples=self._samples,
            masks=self._masks,
            masks_digest=self._masks_digest.hexdigest() if any(self._masks) else "",
            bad_brackets=self._bad_brackets,
            bucket_images=self._buckets,
            tags=tags,
        )


def _bytes_of(mask: Path) -> int:
    """0 where it cannot be reached: who reads it says so."""
    try:
        return picture_bytes(mask)
    except OSError:
        return 0
