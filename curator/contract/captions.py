"""Decides the caption one picture is trained with in one epoch.

A caption has a head that never moves, a middle that may be shuffled and thinned, and a tail that never
moves. The parts are decided at the freeze; what is drawn is a pure function of (seed, sample), so a
preview shows what step 12,345 will train on without running the steps before it (rows S017-S021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curator.contract.epoch_plan import Sample
from curator.contract.errors import UserError
from curator.contract.keyed import Purpose, shuffled, uniform


@dataclass(frozen=True)
class CaptionRules:
    """How the captions of one subset vary from epoch to epoch.

    `trigger` stands before everything and is never dropped with a tag. The first `keep_tags` tags are the
    head. `tag_dropout` and `caption_dropout` are probabilities of one tag of the middle, and of the whole
    caption, being left out.
    """

    shuffle: bool = False
    keep_tags: int = 0
    tag_dropout: float = 0.0
    caption_dropout: float = 0.0
    trigger: str = ""

    def __post_init__(self) -> None:
        for name, share in (("tag_dropout", self.tag_dropout), ("caption_dropout", self.caption_dropout)):
            if not 0.0 <= share <= 1.0:
                raise UserError(f"{name} is {share}", "give a share from 0 to 1, such as 0.1")
        if self.keep_tags < 0:
            raise UserError(f"keep_tags is {self.keep_tags}", "give 0 or more")


@dataclass(frozen=True)
class CaptionParts:
    """The caption of one picture, taken apart; `text` is free text that follows the tags."""

    head: tuple[str, ...] = ()
    middle: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    text: str = ""


SEPARATOR = ", "


def split_caption(tags: Sequence[str], text: str, rules: CaptionRules) -> CaptionParts:
    """The parts of a caption: trigger and first `keep_tags` tags, then the tags that may move."""
    trigger = (rules.trigger,) if rules.trigger else ()
    rest = [tag for tag in tags if tag != rules.trigger]
    return CaptionParts(trigger + tuple(rest[: rules.keep_tags]), tuple(rest[rules.keep_tags :]), (), text)


def caption_of(parts: CaptionParts, rules: CaptionRules, seed: int, sample: Sample) -> str:
    """The caption of `parts` for one sample: every draw is keyed by (seed, epoch, row, copy)."""
    where = (seed, sample.epoch, sample.row, sample.copy)
    if rules.caption_dropout and uniform(*where, Purpose.CAPTION_DROPOUT) < rules.caption_dropout:
        return ""
    middle: Sequence[str] = parts.middle
    if rules.shuffle:
        middle = shuffled(middle, *where, Purpose.SHUFFLE)
    if rules.tag_dropout:
        middle = [
            tag
            for place, tag in enumerate(middle)
            if uniform(*where, Purpose.TAG_DROPOUT, place) >= rules.tag_dropout
        ]
    pieces = [*parts.head, *middle, *parts.tail]
    if parts.text:
        pieces.append(parts.text)
    return SEPARATOR.join(pieces)
