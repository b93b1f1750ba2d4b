"""The candidates of a pick with their facts, and the one first reason for each that leaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint32]
Mask = NDArray[np.bool_]


class Candidates(Protocol):
    """Where candidates come from: the images of a collection, or the posts of a dump. Arrays are indexed by `ids`."""

    @property
    def ids(self) -> Ids: ...

    @property
    def before(self) -> tuple[tuple[str, int], ...]:
        """Those that left before: reasons and counts."""
        ...

    def without_image(self) -> Iterable[tuple[str, Mask]]:
        """Those that leave when ranges are drawn, since they have no image: reasons, and by id which."""
        ...

    def numbers(self) -> NDArray[np.int64]:
        """Post numbers by id."""
        ...

    def values(self, name: str) -> NDArray[np.float64]:
        """A number by id: score, fav, posted or score(NAME); NaN where it is not known."""
        ...

    def matching(self, text: str) -> Mask:
        """By id, whether a filter holds."""
        ...

    def with_any(self, tags: tuple[str, ...]) -> Mask:
        """By id, whether it has any of the tags."""
        ...

    def tags_of_class(self, cls: str, ids: Ids) -> dict[int, list[int]]:
        """The tags of a class, as numbers, of those of the `ids` that have any."""
        ...


class Pool:
    """The candidates still in, ascending by id; `funnel` counts those that left, by reason, in order of the steps."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates
        self.ids: Ids = candidates.ids
        self.funnel: dict[str, int] = dict(candidates.before)
        self.total = len(self.ids) + sum(self.funnel.values())

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, fits: Mask, reason: str) -> None:
        """Only those where `fits` stay; the others leave for `reason`."""
        gone = len(fits) - int(np.count_nonzero(fits))
        if gone:
            self.funnel[reason] = self.funnel.get(reason, 0) + gone
            self.ids = self.ids[fits]

    def keep_images(self) -> None:
        """Only those that have an image."""
        for reason, gone in self._candidates.without_image():
            self.keep(~gone[self.ids], reason)

    def matching(self, text: str) -> Mask:
        """For which of those still in a filter holds."""
        return self._candidates.matching(text)[self.ids]

    def with_any(self, tags: tuple[str, ...]) -> Mask:
        """Which of those still in have any of the tags."""
        return self._candidates.with_any(tags)[self.ids]

    def values(self, name: str) -> NDArray[Any]:
        """A fact of those still in."""
        return self._candidates.values(name)[self.ids]

    def numbers(self) -> NDArray[np.int64]:
        """Post numbers of those still in."""
        return self._candidates.numbers()[self.ids]

    def tags_of_class(self, cls: str) -> dict[int, list[int]]:
        """The tags of a class of those still in."""
        return self._candidates.tags_of_class(cls, self.ids)
