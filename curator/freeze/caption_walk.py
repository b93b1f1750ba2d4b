"""One training step before it is trained: its batch, draws and captions, by the trainer's own rules.

Pure: a manifest and a recipe give the same plan here and in the trainer (row S042). What cannot be foreseen is a
image that turns out to be broken: the trainer puts another of its bucket in its place.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.caption.captions import (
    SEPARATOR,
    CaptionParts,
    CaptionRules,
    caption_of,
    without_chance,
)
from curator.contract.caption.clip_tokens import TokenCount, counted
from curator.contract.crops import crop_of
from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, uniform
from curator.contract.run.run_length import plan_training

if TYPE_CHECKING:
    from curator.contract.buckets import Placement, Size
    from curator.contract.manifest.header import ManifestSubset
    from curator.contract.manifest.manifest import Manifest, ManifestImage
    from curator.contract.recipe.recipe import Recipe, Text


@dataclass(frozen=True)
class CaptionPreview:
    """A caption as it is trained, what its rules left out this time, and how a recipe reads it.

    `head` is the part it begins with that no draw moves or leaves out.
    """

    caption: str
    left_out: tuple[str, ...]
    text: Text
    head: str = ""

    @property
    def tokens(self) -> TokenCount:
        """How many tokens CLIP makes of it, and what falls off."""
        return counted(self.caption, self.text.max_tokens, weighted=self.text.weighted_captions)


@dataclass(frozen=True)
class SampleShown:
    """One sample of a batch; the crop of `placement` is the one of this showing."""

    sample: Sample
    image: ManifestImage
    file: Path
    subset: ManifestSubset
    placement: Placement
    flip: bool
    said: CaptionPreview


@dataclass(frozen=True)
class StepShown:
    """The batch of one step: number `index` of `batches` in its epoch. All numbers count from 0."""

    step: int
    epoch: int
    index: int
    batches: int
    bucket: Size
    samples: tuple[SampleShown, ...]


class CaptionWalk:
    """All steps of a training that a recipe would do on a manifest."""

    def __init__(self, manifest: Manifest, recipe: Recipe) -> None:
        self.manifest = manifest
        planned = plan_training(manifest.spans, recipe)
        self._plan = planned.plan
        self.seed, self._text = recipe.seed, recipe.text
        self.total_steps, self.total_epochs = planned.total_steps, planned.total_epochs
        self.batch_size = planned.effective_batch

    def step(self, step: int) -> StepShown:
        """What the step with index `step` trains on."""
        epoch, index = self._plan.locate(step)
        batch = self._plan.batch(epoch, index)
        bucket = self.manifest.header.buckets[batch.bucket]
        samples = tuple(self._shown(sample, step) for sample in batch.samples)
        return StepShown(step, epoch, index, self._plan.batches(epoch), bucket, samples)

    def first_step(self, epoch: int) -> int:
        """The index of the first step of an epoch."""
        return self._plan.steps(epoch)

    def place(self, typed: str) -> int:
        """The step meant by a step counted from 1, or by `e3`: the first of epoch 3.

        Raises:
            UserError: no number, or beyond the end.
        """
        word = typed.strip().lower().replace(",", "")
        digits = word.removeprefix("epoch").removeprefix("e").strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) < 15):
            raise UserError(f"'{typed}' is no step", "type a number such as 1200, or e3 for epoch 3")
        is_epoch = word.startswith("e")
        last, what = (self.total_epochs, "epoch") if is_epoch else (self.total_steps, "step")
        if not 1 <= int(digits) <= last:
            raise UserError(f"there is no {what} {digits}", f"they go from 1 to {last}")
        return self.first_step(int(digits) - 1) if is_epoch else int(digits) - 1

    def _shown(self, sample: Sample, step: int) -> SampleShown:
        image = self.manifest.image(sample.row)
        subset = self.manifest.header.subsets[image.subset]
        flip = subset.flip and uniform(self.seed, *sample, Purpose.FLIP) < 0.5
        said = said_of(image.parts, subset.rules, self.seed, sample, step, text=self._text)
        crop = crop_of(image.placement, subset.crop, self.seed, sample)
        placement = image.placement._replace(crop=crop)
        return SampleShown(sample, image, self.manifest.file_of(image), subset, placement, flip, said)


@dataclass(frozen=True)
class Showing:
    """One showing of an image in an epoch; `sometimes` where its fraction of a repeat is not drawn every time."""

    sample: Sample
    sometimes: bool
    said: CaptionPreview


def showings(manifest: Manifest, row: int, epochs: range, recipe: Recipe) -> Iterator[Showing]:
    """Every showing of one image in some epochs."""
    image = manifest.image(row)
    rules = manifest.header.subsets[image.subset].rules
    for epoch in epochs:
        for copy in range(math.ceil(image.repeats)):
            sample = Sample(epoch, row, copy)
            said = said_of(image.parts, rules, recipe.seed, sample, None, text=recipe.text)
            yield Showing(sample, copy + 1 > image.repeats, said)


def row_of(manifest: Manifest, path: Path, is_cancelled: Callable[[], bool]) -> int | None:
    """The manifest row of a file; None where it has none."""
    return None if is_cancelled() else next(iter(manifest.rows_of(path)), None)


def said_of(
    parts: CaptionParts, rules: CaptionRules, seed: int, sample: Sample, step: int | None, *, text: Text
) -> CaptionPreview:
    """The caption of one sample, with what its rules did to it."""
    caption, left_out = preview_caption(parts, rules, seed, sample, step)
    alone = parts._replace(middle=(), tail=(), text="")
    head = caption_of(alone, replace(rules, suffix=""), seed, sample, step)
    return CaptionPreview(caption, left_out, text, head if caption.startswith(head) else "")


def preview_caption(
    parts: CaptionParts, rules: CaptionRules, seed: int, sample: Sample, step: int | None
) -> tuple[str, tuple[str, ...]]:
    """The caption of one sample, and what it would have besides, were nothing left out."""
    caption = caption_of(parts, rules, seed, sample, step)
    whole = caption_of(parts, without_chance(rules), seed, sample)
    there = Counter(caption.split(SEPARATOR))
    missing = [piece for piece in whole.split(SEPARATOR) if piece and not _taken(there, piece)]
    return caption, tuple(missing)


def _taken(there: Counter[str], piece: str) -> bool:
    """Whether one more of this piece is in the caption."""
    there[piece] -= 1
    return there[piece] >= 0
