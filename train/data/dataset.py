"""Decides what the manifest means for one sample: its file, its flip, its caption, its weight in the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from curator.contract.buckets import Size
from curator.contract.captions import CaptionParts, caption_of, without_chance
from curator.contract.epoch_plan import Sample
from curator.contract.keyed import Purpose, uniform
from curator.contract.manifest import Manifest, ManifestImage, ManifestSubset
from train.data.images import PictureFile
from train.families.conditioning import Framing, framing_of

_START = Sample(0, 0, 0)


@dataclass(frozen=True)
class Picture:
    """One manifest row as the trainer sees it. `size` is its own, upright, in pixels."""

    row: int
    name: str
    size: Size
    file: PictureFile
    subset: ManifestSubset
    parts: CaptionParts

    def flip(self, sample: Sample, seed: int) -> bool:
        return self.subset.flip and uniform(seed, *sample, Purpose.FLIP) < 0.5

    def caption(self, sample: Sample, seed: int, step: int) -> str:
        return caption_of(self.parts, self.subset.rules, seed, sample, step)

    def framing(self, flip: bool) -> Framing:
        return framing_of(self.size, self.file.placement, flip)

    @property
    def plain_caption(self) -> str:
        """The caption with nothing shuffled and nothing dropped."""
        return caption_of(self.parts, without_chance(self.subset.rules), 0, _START)


def picture_of(manifest: Manifest, row: int) -> Picture:
    """The picture of a manifest row."""
    return _picture(manifest, row, manifest.image(row))


def pictures_of(manifest: Manifest, first: int, count: int) -> Iterator[Picture]:
    """The pictures of `count` rows from `first` on, read in one go."""
    for row, image in enumerate(manifest.images(first, count), start=first):
        yield _picture(manifest, row, image)


def _picture(manifest: Manifest, row: int, image: ManifestImage) -> Picture:
    file = PictureFile(manifest.file_of(image), image.sha256, image.placement)
    return Picture(row, image.path, image.size, file, manifest.header.subsets[image.subset], image.parts)


def evenly_spread(rows: int, count: int) -> list[int]:
    """Up to `count` of `rows` rows, evenly spread, the first included."""
    return [index * rows // min(count, rows) for index in range(min(count, rows))]
