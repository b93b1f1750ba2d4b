"""One training sample as the manifest defines it: file, crop, caption, loss weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.contract.caption.captions import CaptionParts, caption_of, without_chance
from curator.contract.crops import crop_of, is_fixed
from curator.contract.epoch_plan import Sample
from curator.contract.keyed import Purpose, uniform
from train.data.images import Cut, PictureFile
from train.families.conditioning import Framing, framing_of

if TYPE_CHECKING:
    from curator.contract.buckets import CropInputs, Size
    from curator.contract.manifest.header import ManifestSubset
    from curator.contract.manifest.manifest import Manifest, ManifestImage

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
    crop_inputs: CropInputs

    @property
    def is_fixed(self) -> bool:
        """Whether it is cut alike each time, so that what was encoded once holds for all samples."""
        return is_fixed(self.file.placement, self.subset.crop)

    def cut(self, sample: Sample, seed: int) -> Cut:
        flip = self.subset.flip and uniform(seed, *sample, Purpose.FLIP) < 0.5
        return Cut(crop_of(self.file.placement, self.subset.crop, seed, sample), flip)

    def plain_cut(self, *, flip: bool = False) -> Cut:
        """The cut of the freeze, with nothing drawn."""
        return Cut(self.file.placement.crop, flip)

    def caption(self, sample: Sample, seed: int, step: int) -> str:
        return caption_of(self.parts, self.subset.rules, seed, sample, step)

    def framing(self, cut: Cut) -> Framing:
        return framing_of(self.size, self.file.placement, cut.box, self.crop_inputs, flip=cut.flip)

    def says_again(self, caption: str) -> bool:
        """Whether the image is shown with this caption again: the others have their order and gaps from chance."""
        rules = self.subset.rules
        return not caption or rules == without_chance(rules) or caption == self.plain_caption

    @property
    def plain_caption(self) -> str:
        """The caption with nothing shuffled and nothing dropped."""
        return caption_of(self.parts, without_chance(self.subset.rules), 0, _START)


def picture_of(manifest: Manifest, row: int) -> Picture:
    """The image of a manifest row."""
    return _picture(manifest, row, manifest.image(row))


def pictures_of(manifest: Manifest, first: int, count: int) -> Iterator[Picture]:
    """The images of `count` rows from `first` on, read in one go."""
    for row, image in enumerate(manifest.images(first, count), start=first):
        yield _picture(manifest, row, image)


def _picture(manifest: Manifest, row: int, image: ManifestImage) -> Picture:
    rule, subset = manifest.header.rule, manifest.header.subsets[image.subset]
    path = manifest.file_of(image)
    file = PictureFile(path, image.sha256, image.placement, rule.resample, subset.mask)
    return Picture(row, image.path, image.size, file, subset, image.parts, rule.crop_inputs)


def evenly_spread(rows: int, count: int) -> list[int]:
    """Up to `count` of `rows` rows, evenly spread, the first included."""
    return [index * rows // min(count, rows) for index in range(min(count, rows))]
