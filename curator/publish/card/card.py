"""The model card of a subject (S092): from the record, never typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from curator.publish.card.front_matter import front_matter
from curator.publish.card.merging import MergedCard, merged_card
from curator.publish.card.samples import Sample, samples_of
from curator.publish.card.sections import sections

if TYPE_CHECKING:
    from curator.publish.choices import CardChoices
    from curator.publish.subject import Subject


class Card(NamedTuple):
    """A card merged into the one that was there, and the images it shows."""

    merged: MergedCard
    samples: tuple[Sample, ...]


def card_of(subject: Subject, choices: CardChoices, existing: str | None, *, rewrite: bool = False) -> Card:
    """The card; `existing` is the one that is there, whose own text stays."""
    samples = samples_of(subject, choices.samples)
    front, body = front_matter(subject, choices, samples), sections(subject, choices, samples)
    return Card(merged_card(front, body, existing, rewrite=rewrite), samples)
