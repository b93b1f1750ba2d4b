"""Finding before a freeze: its weight, what is so, what to do, and a filter of exactly the pictures it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.filter.tokens import in_quotes
from curator.freeze.members import Members
from curator.freeze.spec import FreezeSpec
from curator.index.changes import id_array
from curator.index.collection import Collection

_LONGEST = 100_000  # characters of a filter that names pictures by number
_FREE = "-mark:reject"


@dataclass(frozen=True)
class Finding:
    """Something found before a freeze. `filter` selects exactly the pictures concerned.

    It is empty where none are, and where no filter of a bearable length names them. With `of_unusable` it is about
    files that are no pictures of the collection.
    """

    level: Literal["stop", "warn"]
    what: str
    hint: str
    filter: str = ""
    of_unusable: bool = False


class Base(NamedTuple):
    """Pictures, and the filter that selects exactly them, if there is a short one."""

    images: BitMap
    text: str

    def named(self) -> str:
        """A filter of exactly these."""
        return self.text or _numbers(self.images)


@dataclass(frozen=True)
class PictureFilters:
    """Filters of pictures of a freeze. Each is tried: what it selects is what was asked for."""

    collection: Collection
    spec: FreezeSpec
    members: Members
    _known: dict[int, Base] = field(default_factory=dict[int, Base])

    def frozen(self) -> Base:
        """Every picture that is frozen."""
        if -1 not in self._known:
            terms = [self._subset(number) for number in range(len(self.spec.subsets))]
            union = "" if "" in terms else terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"
            self._known[-1] = self._tried(self.members.frozen(), f"{union} {_FREE}")
        return self._known[-1]

    def frozen_of(self, number: int) -> Base:
        """The pictures of one subset that are frozen."""
        return self._own(number, self.members.frozen_of(number))

    def members_of(self, number: int) -> Base:
        """The pictures of one subset, also where its repeats show none of them."""
        return self._own(number, self.members.ids[number])

    def overlap(self, number: int) -> str:
        """A filter of the pictures that a subset's own filter meets and an earlier subset has."""
        taken = BitMap().union(*self.members.ids[:number])
        images = select(self.collection, self.spec.subsets[number].filter).bitmap() & taken
        earlier = " OR ".join(filter(None, map(self._subset, range(number))))
        return self.of(images, f"{self._subset(number)} ({earlier}) {_FREE}" if earlier else "")

    def of(self, images: BitMap, text: str = "") -> str:
        """A filter of exactly `images`: `text` if that is one."""
        return self._tried(images, text).named() if text else _numbers(images)

    def among(self, base: Base, images: Iterable[int], term: str) -> str:
        """A filter of exactly `images`: those of `base` for which `term` holds, if they are."""
        wanted = BitMap(images)
        if wanted == base.images and base.text:
            return base.text
        if base.text and term and select(self.collection, term).bitmap() & base.images == wanted:
            return f"{term} {base.text}"
        return _numbers(wanted)

    def _own(self, number: int, images: BitMap) -> Base:
        if number not in self._known or self._known[number].images != images:
            earlier = (f"-{term}" for term in map(self._subset, range(number)) if term)
            text = " ".join([self._subset(number), *earlier, _FREE]).strip()
            self._known[number] = self._tried(images, text)
        return self._known[number]

    def _tried(self, images: BitMap, text: str) -> Base:
        try:
            fits = select(self.collection, text).bitmap() == images
        except UserError:  # a limit inside brackets
            fits = False
        return Base(images, text.strip() if fits else "")

    def _subset(self, number: int) -> str:
        subset = self.spec.subsets[number]
        if self.collection.subsets.get(subset.name) == subset:
            return f"subset:{in_quotes(subset.name)}"
        return f"({subset.filter})" if subset.filter.strip() else ""


def _numbers(images: BitMap) -> str:
    """`id:1,5,9..12`, where that is not too long."""
    ids = id_array(images).astype(np.int64)
    if not len(ids):
        return ""
    starts = np.flatnonzero(np.diff(ids, prepend=-2) != 1)
    if len(starts) > _LONGEST // 2:
        return ""
    ends = [*(starts[1:] - 1), len(ids) - 1]
    pairs = zip(ids[starts].tolist(), ids[ends].tolist(), strict=True)
    text = "id:" + ",".join(str(first) if first == last else f"{first}..{last}" for first, last in pairs)
    return text if len(text) <= _LONGEST else ""
