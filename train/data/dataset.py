"""Decides what the manifest means for one sample: its file, its flip, its caption, its weight in the loss."""

from __future__ import annotations

from dataclasses import dataclass

from curator.contract.captions import CaptionParts, caption_of, without_chance
from curator.contract.epoch_plan import Sample
from curator.contract.keyed import Purpose, uniform
from curator.contract.manifest import Manifest, ManifestSubset
from train.data.images import PictureFile

_START = Sample(0, 0, 0)


@dataclass(frozen=True)
class Picture:
    """One manifest row as the trainer sees it."""

    row: int
    name: str
    file: PictureFile
    subset: ManifestSubset
    parts: CaptionParts

    def flip(self, sample: Sample, seed: int) -> bool:
        return self.subset.flip and uniform(seed, *sample, Purpose.FLIP) < 0.5

    def caption(self, sample: Sample, seed: int, step: int) -> str:
        return caption_of(self.parts, self.subset.rules, seed, sample, step)

    @property
    def plain_caption(self) -> str:
        """The caption with nothing shuffled and nothing dropped."""
        return caption_of(self.parts, without_chance(self.subset.rules), 0, _START)


def picture_of(manifest: Manifest, row: int) -> Picture:
    """The picture of a manifest row."""
    image = manifest.image(row)
    file = PictureFile(manifest.file_of(image), image.sha256, image.placement)
    return Picture(row, image.path, file, manifest.header.subsets[image.subset], image.parts)


def evenly_spread(rows: int, count: int) -> list[int]:
    """Up to `count` of `rows` rows, evenly spread, the first included."""
    return [index * rows // min(count, rows) for index in range(min(count, rows))]
