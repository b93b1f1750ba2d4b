"""Questions to kept proposals: counts, images by label, tags by image; none asks the model again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

if TYPE_CHECKING:
    from curator.proposals.kept_model import AboutModel, KeptModel
    from curator.proposals.segment import Segment
    from curator.proposals.thresholds import Thresholds


class ByContent:
    """Images of a collection, to be found by content; several may have the same.

    `contents` is the index's column of that name: by image id, the first 8 bytes of the sha256.
    """

    def __init__(self, ids: BitMap, contents: NDArray[np.uint64]) -> None:
        known = np.array(ids, np.int64)
        of_each = contents[known]
        order = np.argsort(of_each, kind="stable")
        self._ids, self._contents = known[order], of_each[order]
        self._counts: dict[Path, NDArray[np.int64] | None] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def in_segment(self, segment: Segment) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The images that a segment speaks of: their slots, in order, and their ids."""
        first = np.searchsorted(self._contents, segment.contents, "left")
        count = np.searchsorted(self._contents, segment.contents, "right") - first
        slots = np.repeat(np.arange(len(count)), count)
        within = np.arange(len(slots)) - np.repeat(np.cumsum(count) - count, count)
        return slots, self._ids[first[slots] + within]

    def counts_in(self, segment: Segment) -> NDArray[np.int64] | None:
        """How many of the images each slot stands for; None where each stands for one. Kept for the next threshold."""
        if segment.path not in self._counts:
            slots = self.in_segment(segment)[0]
            counts = np.bincount(slots, minlength=len(segment.contents))
            self._counts[segment.path] = None if np.all(counts == 1) else counts
        return self._counts[segment.path]

    def unanswered(self, model: KeptModel) -> BitMap:
        """The images whose content the model has not seen."""
        return BitMap(self._ids[~np.isin(self._contents, model.contents())].astype(np.uint32))


class ProposedTag(NamedTuple):
    """A label, its class, and the model's value."""

    name: str
    cls: str
    value: float


@dataclass(frozen=True)
class ImageProposals:
    """What a model says of one image: tags by falling value; the likeliest rating; a caption."""

    image: int
    tags: tuple[ProposedTag, ...]
    rating: tuple[str, float] | None = None
    caption: str | None = None


def counts_by_label(model: KeptModel, thresholds: Thresholds, images: ByContent) -> NDArray[np.int64]:
    """How many of the images each label of the model would be accepted for."""
    counts = np.zeros(len(model.about.labels), np.int64)
    for segment in model.segments():
        each = images.counts_in(segment)
        if not segment.values_count or (each is not None and not each.any()):
            continue
        mask = thresholds.accepted(segment, model.about)
        accepted = mask if each is None else np.where(mask, each[segment.slots], 0)
        counts[segment.labels] += np.add.reduceat(accepted, segment.starts[:-1], dtype=np.int64)
    return counts


def images_by_label(model: KeptModel, thresholds: Thresholds, images: ByContent) -> dict[int, BitMap]:
    """The images that each label would be accepted for; labels without any are left out."""
    found: dict[int, BitMap] = {}
    for segment in model.segments():
        slots, ids = images.in_segment(segment)
        if not len(ids) or not segment.values_count:
            continue
        places = np.flatnonzero(thresholds.accepted(segment, model.about))
        ids_of_slot, rows = _expanded(slots, ids, segment.slots[places])
        numbers = np.repeat(segment.labels, segment.arrays["counts"])[places][rows]
        edges = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1])).tolist() if len(numbers) else []
        for start, end in zip(edges, [*edges[1:], len(numbers)], strict=True):
            found.setdefault(int(numbers[start]), BitMap()).update(ids_of_slot[start:end].astype(np.uint32))
    return found


def _expanded(
    slots: NDArray[np.int64], ids: NDArray[np.int64], wanted: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The images of slots that are `wanted`, and of which of these each one is."""
    first = np.searchsorted(slots, wanted, "left")
    count = np.searchsorted(slots, wanted, "right") - first
    rows = np.repeat(np.arange(len(wanted)), count)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return ids[first[rows] + within], rows


def by_image(model: KeptModel, thresholds: Thresholds, images: ByContent) -> Iterator[ImageProposals]:
    """What the model says of each image that it has seen."""
    for segment in model.segments():
        slots, ids = images.in_segment(segment)
        if len(ids):
            seen = np.zeros(len(segment.contents), np.bool_)
            seen[slots] = True
            tags = _tags_by_slot(segment, model.about, thresholds, seen)
            texts = segment.texts
            for slot, image in zip(slots.tolist(), ids.tolist(), strict=True):
                caption = texts[slot].decode("utf-8", "replace") if texts else None
                yield ImageProposals(image, tags.get(slot, ()), _rating(segment, model.about, slot), caption)


def _tags_by_slot(
    segment: Segment, about: AboutModel, thresholds: Thresholds, seen: NDArray[np.bool_]
) -> dict[int, tuple[ProposedTag, ...]]:
    """The tags of the images that are `seen`, those with any."""
    if not segment.values_count:
        return {}
    places = np.flatnonzero(thresholds.accepted(segment, about) & seen[segment.slots])
    numbers = np.repeat(segment.labels, segment.arrays["counts"])[places]
    values = segment.values()[places]
    order = np.lexsort((numbers, -values, segment.slots[places]))
    slots = segment.slots[places][order]
    rows = zip(slots.tolist(), numbers[order].tolist(), values[order].tolist(), strict=True)
    return {
        slot: tuple(
            ProposedTag(about.labels[number], about.classes[number], value) for _, number, value in some
        )
        for slot, some in groupby(rows, key=itemgetter(0))
    }


def ratings(model: KeptModel, images: ByContent) -> dict[str, BitMap]:
    """The images by their likeliest rating."""
    found: dict[str, BitMap] = {}
    for segment in model.segments():
        slots, ids = images.in_segment(segment)
        if not len(segment.whole_labels) or not len(ids):
            continue
        best = np.nanargmax(np.nan_to_num(segment.whole, nan=-1.0), axis=0)[slots]
        for row in np.unique(best).tolist():
            name = model.about.labels[int(segment.whole_labels[row])]
            found.setdefault(name, BitMap()).update(ids[best == row].astype(np.uint32))
    return found


def _rating(segment: Segment, about: AboutModel, slot: int) -> tuple[str, float] | None:
    values = segment.whole[:, slot]
    if not len(values) or np.all(np.isnan(values)):
        return None
    row = int(np.nanargmax(values))
    return about.labels[int(segment.whole_labels[row])], float(values[row])
