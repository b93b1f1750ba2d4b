"""Counts of the data before a run: images, tags, masks, captions with misleading brackets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curator.contract.caption.prompt_weights import weights_problem
from curator.contract.files.picture_file import picture_bytes
from train.data.dataset import evenly_spread
from train.data.masks import mask_file_of

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest, ManifestImage

_MOST_TAGS = 1000  # a subset; the rest would make the metadata larger than the weights
_ALL_UP_TO = 50_000  # images: of more, as many as are soon looked at
_SOME = 20_000  # what ails one image in 5,000 is seen among so many in 98 of 100 cases


class BadBrackets(NamedTuple):
    """Captions whose weights are not what they seem: how many, the first one's image, and what is wrong there."""

    count: int
    path: str
    problem: str


@dataclass(frozen=True)
class Survey:
    """Counts by subset index and bucket index, of all images but for what has to be looked for image by image.

    Of the images looked at (`looked_at` of each subset), `masks` have a mask file, `masks_digest` says which, and
    `bad_brackets` are the captions to mend. These are all images, or with `is_sample` an even sample of many.
    """

    images: list[int]
    samples: list[float]  # repeats, added up
    bucket_images: list[int]
    tags: list[list[tuple[str, int]]]  # images of each subset with a tag, the most frequent first
    looked_at: list[int]
    is_sample: bool
    masks: list[int]
    masks_digest: str
    bad_brackets: BadBrackets | None


class CountedManifest:
    """Hands on a manifest's images and looks at them on the way, so that whoever goes through them is enough.

    Above 50,000 images it hands on 20,000, evenly spread: a run of millions does not wait for a look at each file.
    """

    def __init__(self, manifest: Manifest, *, weighted_captions: bool) -> None:
        self._manifest = manifest
        self._weighted = weighted_captions
        self.is_sample = len(manifest) > _ALL_UP_TO
        subsets = len(manifest.header.subsets)
        self._looked_at, self._masks = [0] * subsets, [0] * subsets
        self._masks_digest = hashlib.sha256()
        self._bad_brackets: BadBrackets | None = None

    def __len__(self) -> int:
        return _SOME if self.is_sample else len(self._manifest)

    def images(self) -> Iterator[ManifestImage]:
        """The images to look at, each once."""
        for image in self._some() if self.is_sample else self._manifest.images():
            self._looked_at[image.subset] += 1
            self._look_for_mask(image)
            if self._weighted:
                self._look_at_brackets(image)
            yield image

    def _some(self) -> Iterator[ManifestImage]:
        return map(self._manifest.image, evenly_spread(len(self._manifest), _SOME))

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
        """All counts, once the images were gone through."""
        manifest = self._manifest
        subsets = len(manifest.header.subsets)
        images, samples = [0] * subsets, [0.0] * subsets
        buckets = [0] * len(manifest.header.buckets)
        for part in (each for each in manifest.parts if not each.is_held_out):
            images[part.subset] += part.rows
            samples[part.subset] += part.rows * part.repeats
            buckets[part.bucket] += part.rows
        return Survey(
            images=images,
            samples=samples,
            bucket_images=buckets,
            tags=[manifest.tag_counts(subset, _MOST_TAGS) for subset in range(subsets)],
            looked_at=self._looked_at,
            is_sample=self.is_sample,
            masks=self._masks,
            masks_digest=self._masks_digest.hexdigest() if any(self._masks) else "",
            bad_brackets=self._bad_brackets,
        )


def _bytes_of(mask: Path) -> int:
    """0 where it cannot be reached: who reads it says so."""
    try:
        return picture_bytes(mask)
    except OSError:
        return 0
