"""Thresholds: which of a model's values make a tag (rows S029, B04)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError
from curator.contract.tagging.job import FLOOR
from curator.contract.tagging.zoo import CHARACTER_THRESHOLD, GENERAL_THRESHOLD
from curator.proposals.kept_model import RATING, AboutModel

if TYPE_CHECKING:
    from curator.proposals.segment import Segment

CHARACTER = "character"
_LEAST_MCUT_CHARACTER = np.float32(0.15)  # as the WD taggers' own page has it


@dataclass(frozen=True)
class Thresholds:
    """A value must be strictly greater than the threshold of its label's class, as float32.

    `character` is for characters, `general` for all other classes; None is what the model's row of the zoo says, else
    0.35 and 0.85. With `mcut` the threshold of a class in an image lies in the middle of the widest gap between its
    values (maximum cut thresholding, Largeron et al. 2012), of characters at least 0.15; what was given explicitly
    holds instead.
    """

    general: float | None = None
    character: float | None = None
    mcut: bool = False

    def __post_init__(self) -> None:
        for value in (self.general, self.character):
            if value is not None and not FLOOR <= value <= 1:
                raise UserError(
                    f"a threshold of {value:g}", f"values above {FLOOR:g} are kept: give {FLOOR:g} to 1"
                )

    def of_classes(self, about: AboutModel) -> dict[str, float]:
        """The threshold of each class of the model's labels, ratings aside."""
        usual = {CHARACTER: CHARACTER_THRESHOLD} | about.thresholds
        found = {
            name: usual.get(name, about.thresholds.get("general", GENERAL_THRESHOLD))
            for name in about.classes
        }
        given = {name: self.character if name == CHARACTER else self.general for name in found}
        found |= {name: value for name, value in given.items() if value is not None}
        found.pop(RATING, None)
        return found

    def of_labels(self, about: AboutModel) -> NDArray[np.float32]:
        """The threshold of each label by number; no value of a rating is above its own."""
        classes = self.of_classes(about)
        return np.array([classes.get(name, np.inf) for name in about.classes], np.float32)

    def accepted(self, segment: Segment, about: AboutModel) -> NDArray[np.bool_]:
        """Of each value of a segment whether it makes a tag."""
        mask = segment.above(self.of_labels(about)[segment.labels])
        if self.mcut:
            classes = np.array(about.classes)[segment.labels]
            for name in set(about.classes) - {RATING}:
                if (self.character if name == CHARACTER else self.general) is None:
                    _cut(mask, segment, np.repeat(classes == name, segment.arrays["counts"]), name)
        return mask


def _cut(mask: NDArray[np.bool_], segment: Segment, here: NDArray[np.bool_], name: str) -> None:
    """Decide the values that are `here`, all of one class, image by image."""
    places = np.flatnonzero(here)
    if not len(places):
        return
    slots, values = segment.slots[places], segment.values()[places]
    order = np.lexsort((-values, slots))
    slots, values = slots[order], values[order]
    last = np.append(slots[1:] != slots[:-1], True)
    # What follows the least value that was kept is not known; it is at most the floor.
    following = np.where(last, np.float32(FLOOR), np.append(values[1:], 0))
    gaps = values - following
    first = np.flatnonzero(np.append(True, last[:-1]))
    widest = np.maximum.reduceat(gaps, first)
    image = np.cumsum(np.append(True, last[:-1])) - 1
    # of several equal gaps the first one counts
    at_widest = np.flatnonzero(gaps == widest[image])
    cut = at_widest[np.unique(image[at_widest], return_index=True)[1]]
    thresholds = ((values[cut] + following[cut]) / 2).astype(np.float32)
    if name == CHARACTER:
        thresholds = np.maximum(thresholds, _LEAST_MCUT_CHARACTER)
    mask[places[order]] = values > thresholds[image]
