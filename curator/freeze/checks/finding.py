"""Finding before a freeze: its weight, what is so, what to do, and a filter of exactly the images it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.filter.evaluate import select
from curator.filter.language.tokens import in_quotes
from curator.freeze.members import NO_SIZE, Members
from curator.index.changes.changes import id_array

if TYPE_CHECKING:
    from curator.freeze.members import FreezeSpec
    from curator.freeze.reader import FreezeReader
    from curator.index.tables.rows import Subset

_LONGEST = 100_000  # characters of a filter that names images by number
_FREE, _SIZED = "-mark:reject", "width>=1 height>=1"


@dataclass(frozen=True)
class Finding:
    """Something found before a freeze. `filter` selects exactly the images concerned.

    It is empty where none are, and where no filter of a bearable length names them. With `of_unusable` it is about
    files that are no images of the collection.
    """

    level: Literal["stop", "warn"]
    what: str
    hint: str
    filter: str = ""
    of_unusable: bool = False


class Base(NamedTuple):
    """Images, and the filter that selects exactly them, if there is a short one."""

    images: BitMap
    text: str

    def named(self) -> str:
        """A filter of exactly these."""
        return self.text or _numbers(self.images)


class PictureFilters:
    """Filters of a freeze's images; one that does not follow from the subsets is tried before it is given."""

    def __init__(self, reader: FreezeReader, spec: FreezeSpec, members: Members) -> None:
        self.reader, self.collection, self.spec, self.members = reader, reader.collection, spec, members
        saved = {each.name: each for each in self.collection.subsets.list()}
        self._is_saved = all(saved.get(each.name) == each for each in spec.subsets)
        self._terms = [self._term(subset) for subset in spec.subsets]
        self._free = f"{_FREE} {_SIZED}" if dict(members.funnel).get(NO_SIZE) else _FREE
        self._frozen: Base | None = None

    def frozen(self) -> Base:
        """Every image that is frozen."""
        if self._frozen is None:
            images = self.members.frozen()
            text = f"{'' if '' in self._terms else _any(self._terms)} {self._free}"
            is_all = images == BitMap().union(*self.members.ids)
            self._frozen = self._base(images, text, follows=is_all)
        return self._frozen

    def frozen_of(self, number: int) -> Base:
        """The images of one subset that are frozen."""
        return self._own(number, self.members.frozen_of(number))

    def members_of(self, number: int) -> Base:
        """The images of one subset, also where its repeats show none of them."""
        return self._own(number, self.members.ids[number])

    def overlap(self, number: int) -> str:
        """A filter of the images that a subset's own filter meets and an earlier subset has."""
        text = f"{self._terms[number]} {_any(self._terms[:number])} {self._free}".strip()
        if self._is_saved:
            return text
        taken = BitMap().union(*self.members.ids[:number])
        images = select(self.collection, self.spec.subsets[number].filter).bitmap() & taken
        return self._base(images, text, follows=False).named()

    def of(self, images: BitMap) -> str:
        """A filter that names `images` by number."""
        return _numbers(images)

    def among(self, base: Base, images: Iterable[int], term: str) -> str:
        """A filter of exactly `images`: those of `base` for which `term` holds, if they are."""
        wanted = BitMap(images)
        if wanted == base.images and base.text:
            return base.text
        if base.text and term and select(self.collection, term).bitmap() & base.images == wanted:
            return f"{term} {base.text}"
        return _numbers(wanted)

    def _own(self, number: int, images: BitMap) -> Base:
        """What a subset's filter meets and no earlier one's, unless only some of it is frozen."""
        earlier = (f"-{term}" for term in self._terms[:number] if term)
        text = " ".join([self._terms[number], *earlier, self._free])
        return self._base(images, text, follows=images == self.members.ids[number])

    def _base(self, images: BitMap, text: str, *, follows: bool) -> Base:
        """With `follows` the text is the rule by which saved subsets share images out, and needs no trial."""
        return Base(images, text.strip() if (follows and self._is_saved) or self._fits(text, images) else "")

    def _fits(self, text: str, images: BitMap) -> bool:
        try:
            return select(self.collection, text).bitmap() == images
        except UserError:  # a limit inside brackets
            return False

    def _term(self, subset: Subset) -> str:
        if self._is_saved:
            return f"subset:{in_quotes(subset.name)}"
        return f"({subset.filter})" if subset.filter.strip() else ""


def _any(terms: Sequence[str]) -> str:
    some = [term for term in terms if term]
    return some[0] if len(some) == 1 else f"({' OR '.join(some)})" if some else ""


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
