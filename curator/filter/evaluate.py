"""Decides which images a filter names, and in which order, from the bitmaps and columns of the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.filter.numbers import numbers
from curator.filter.order import ordered
from curator.filter.parse import parse
from curator.filter.scanned import images_with_text
from curator.filter.tree import (
    And,
    ClassTerm,
    Expr,
    Filter,
    FilterError,
    Not,
    NumberTerm,
    Or,
    TagTerm,
    TextTerm,
    WordTerm,
)
from curator.filter.words import images_of_word
from curator.index.bitmaps import of_array
from curator.index.collection import Collection

Ids = NDArray[np.uint32]


@dataclass(frozen=True)
class Result:
    """The images of a filter in order. `unknown_tags` are terms that no tag fits: worth a word to the user."""

    ids: Ids
    unknown_tags: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def bitmap(self) -> BitMap:
        return of_array(self.ids)


def select(collection: Collection, text: str = "") -> Result:
    """The images that `text` names; every image where it is empty."""
    with collection.reading():
        return select_parsed(collection, parse(text, collection.tags.classes()))


def select_parsed(collection: Collection, query: Filter) -> Result:
    """The images of a filter already read."""
    with collection.reading():
        evaluation = _Evaluation(collection, query.text)
        alive = collection.images.alive()
        found = alive if query.where is None else evaluation.images(query.where) & alive
        ids = ordered(collection, found, query.sort)
        if query.limit is not None:
            ids = ids[: query.limit]
        return Result(ids, tuple(dict.fromkeys(evaluation.unknown)))


class _Evaluation:
    """One walk over the tree. What it gives may hold missing images; the caller cuts to those alive."""

    def __init__(self, collection: Collection, text: str, inside: tuple[str, ...] = ()) -> None:
        self._collection = collection
        self._text = text
        self._inside = inside  # subsets being evaluated, so that one that names itself is noticed
        self.unknown: list[str] = []

    def images(self, part: Expr) -> BitMap:
        match part:
            case TagTerm(pattern, literal):
                return self._tagged(pattern, literal)
            case ClassTerm(cls, pattern):
                return self._classed(cls, pattern)
            case NumberTerm():
                return self._numbered(part)
            case TextTerm():
                return images_with_text(self._collection, part)
            case WordTerm():
                return (
                    self._subset(part) if part.field == "subset" else images_of_word(self._collection, part)
                )
            case Not(inner):
                return self._collection.images.alive() - self.images(inner)
            case And(parts):
                return self._all(parts)
            case Or(parts):
                return BitMap().union(*(self.images(inner) for inner in parts))

    def _all(self, parts: tuple[Expr, ...]) -> BitMap:
        """Tags first: text is looked for in every row, and only then is the walk worth ending early."""
        found: BitMap | None = None
        for inner in sorted(parts, key=_costly):
            images = self.images(inner)
            found = images if found is None else found & images
        return found if found is not None else BitMap()

    def _tagged(self, pattern: str, literal: bool) -> BitMap:
        tags = self._collection.tags
        wild = not literal and ("*" in pattern or "?" in pattern)
        ids = tags.matching(pattern) if wild else tags.alike(pattern)
        return self._union(ids, pattern)

    def _classed(self, cls: str, pattern: str) -> BitMap:
        of_class = set(self._collection.tags.of_class(cls))
        return self._union(
            [tag for tag in self._collection.tags.matching(pattern) if tag in of_class], f"{cls}:{pattern}"
        )

    def _union(self, tags: list[int], shown: str) -> BitMap:
        found = [self._collection.bitmaps.of(tag) for tag in tags]
        alive = self._collection.images.alive()
        if not any(images.intersect(alive) for images in found):
            self.unknown.append(shown)
        return found[0] if len(found) == 1 else BitMap().union(*found)

    def _numbered(self, term: NumberTerm) -> BitMap:
        values = numbers(self._collection, term.field)
        fits: NDArray[Any] = np.ones(len(values), bool)
        if term.low is not None:
            fits &= values > term.low if term.low_open else values >= term.low
        if term.high is not None:
            fits &= values < term.high if term.high_open else values <= term.high
        return of_array(np.flatnonzero(~fits if term.negated else fits))

    def _subset(self, term: WordTerm) -> BitMap:
        subset = self._collection.subsets.get(term.value)
        if subset is None:
            names = ", ".join(visible(each.name) for each in self._collection.subsets.list()) or "none yet"
            raise FilterError(
                f"no subset '{visible(term.value)}'", f"there are: {names}", self._text, term.position
            )
        if subset.name in self._inside:
            raise FilterError(
                f"subset '{visible(term.value)}' names itself", "change its filter", self._text, term.position
            )
        inner = _Evaluation(self._collection, self._text, (*self._inside, subset.name))
        try:
            query = parse(subset.filter, self._collection.tags.classes())
        except UserError as error:
            what = f"subset '{visible(term.value)}' has a broken filter ({error.what})"
            raise FilterError(what, error.hint, self._text, term.position) from error
        alive = self._collection.images.alive()
        found = alive if query.where is None else inner.images(query.where) & alive
        self.unknown += inner.unknown
        if query.limit is not None:
            found = of_array(ordered(self._collection, found, query.sort)[: query.limit])
        return found


def _costly(part: Expr) -> int:
    return 1 if isinstance(part, TextTerm) else 0
