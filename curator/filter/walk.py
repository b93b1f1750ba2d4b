"""The walk over the tree of a filter, on the bitmaps and columns of the index.

Texts are looked for first and beside the collection's own connection: that is the only part that may take seconds,
and nobody else waits for it. Everything else is one walk over the tree in one snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from curator.arrays import np
from curator.contract.errors import UserError, did_you_mean
from curator.filter.cancel import Cancel, raise_if_cancelled
from curator.filter.groups import groups_of, tags_of_group
from curator.filter.language.error import FilterError
from curator.filter.language.parse import parse
from curator.filter.language.tree import (
    And,
    ClassTerm,
    Expr,
    Filter,
    IdsTerm,
    Not,
    NumberTerm,
    Or,
    TagTerm,
    TextTerm,
    WordTerm,
)
from curator.filter.language.words import images_of_word, images_rated
from curator.filter.numbers import DATE_UNITS, numbers
from curator.filter.order import Order
from curator.filter.result import Result
from curator.filter.scanned import images_with_text
from curator.index.changes.changes import id_array
from curator.index.sets.bitmaps import Flag, of_array, of_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.collection import Collection

_Texts = dict[TextTerm, BitMap]
_NO_ID = 2**32 - 1  # above every image's number
_TEXT = 2  # what looking for text costs, beside 1 for a number and 0 for a tag
_SMALL = 8  # a column is looked up image by image where at most one in so many is asked for


def select_parsed(
    collection: Collection, query: Filter, cancel: Cancel | None = None, among: BitMap | None = None
) -> Result:
    """The images of a filter already read."""
    texts: _Texts = {}
    for term, within in _texts_of(collection, query):
        raise_if_cancelled(cancel)
        where = within if among is None else within & among
        texts[term] = images_with_text(collection, term, where, cancel)
    with collection.reading():
        evaluation = _Evaluation(collection, query.text, texts, cancel)
        found = evaluation.whole(query)
        found = found if among is None else found & among
        order = Order(collection, found, query.sort, cancel) if query.sort else None
        return Result(found, order, query.limit, tuple(dict.fromkeys(evaluation.unknown)))


def _texts_of(collection: Collection, query: Filter) -> list[tuple[TextTerm, BitMap]]:
    """Every text looked for, and the images in which it matters."""
    if query.where is None:
        return []
    with collection.reading():
        return list(_Evaluation(collection, query.text, {}, None).texts(query.where))


class _Evaluation:
    """One walk over the tree. `within` are the images that matter: what is given beyond them is not looked at."""

    def __init__(
        self,
        collection: Collection,
        text: str,
        texts: Mapping[TextTerm, BitMap],
        cancel: Cancel | None,
        inside: tuple[str, ...] = (),
    ) -> None:
        self._collection = collection
        self._text = text
        self._texts = texts
        self._cancel = cancel
        self._inside = inside  # filters being evaluated by name, so that one that names itself is noticed
        self.unknown: list[str] = []

    def whole(self, query: Filter) -> BitMap:
        """The images there are that a filter names, without order and limit."""
        alive = self._collection.images.alive()
        return alive if query.where is None else self._images(query.where, alive) & alive

    def texts(self, where: Expr) -> Iterator[tuple[TextTerm, BitMap]]:
        """Texts to be looked for; tags and numbers beside them say in which images."""
        alive = self._collection.images.alive()
        match where:
            case TextTerm():
                captioned = self._collection.bitmaps.of(Flag.CAPTIONED)
                yield where, alive & captioned if where.field == "caption" else alive
            case Not(inner):
                yield from self.texts(inner)
            case Or(parts):
                for inner in parts:
                    yield from self.texts(inner)
            case And(parts):
                plain = tuple(part for part in parts if _cost(part) < _TEXT)
                if len(plain) == len(parts):
                    return
                around = self._images(And(plain), alive) if plain else alive
                for inner in parts:
                    yield from ((term, within & around) for term, within in self.texts(inner))
            case _:
                return

    def _images(self, part: Expr, within: BitMap) -> BitMap:
        raise_if_cancelled(self._cancel)
        match part:
            case TagTerm(pattern, literal):
                return self._tagged(pattern, literal)
            case ClassTerm(cls, pattern):
                return self._classed(cls, pattern)
            case NumberTerm():
                return self._numbered(part, within)
            case IdsTerm(spans):
                return _numbered_so(spans)
            case TextTerm():
                return self._text_images(part, within)
            case WordTerm():
                return self._worded(part)
            case Not(inner):
                return within - self._images(inner, within)
            case And(parts):
                return self._all(parts, within)
            case Or(parts):
                return BitMap().union(*(self._images(inner, within) for inner in parts))

    def _worded(self, term: WordTerm) -> BitMap:
        match term.field:
            case "subset" | "saved":
                return self._named(term)
            case "picked":
                return self._picked(term)
            case "group":
                return self._grouped(term)
            case _:
                return images_of_word(self._collection, term)

    def _text_images(self, term: TextTerm, within: BitMap) -> BitMap:
        found = self._texts.get(term)  # a filter inside a subset was not looked through beforehand
        return images_with_text(self._collection, term, within, self._cancel) if found is None else found

    def _all(self, parts: tuple[Expr, ...], within: BitMap) -> BitMap:
        """Tags first, then numbers, then text: each looks only where those before have found something."""
        found = within
        for inner in sorted(parts, key=_cost):
            found = found & self._images(inner, found)
        return found

    def _tagged(self, pattern: str, literal: bool) -> BitMap:
        return self._union(self._named_tags(pattern, literal), pattern)

    def _named_tags(self, pattern: str, literal: bool = False) -> list[int]:
        tags = self._collection.tags
        wild = not literal and ("*" in pattern or "?" in pattern)
        return tags.matching(pattern) if wild else tags.alike(pattern)

    def _classed(self, cls: str, pattern: str) -> BitMap:
        of_class = set(self._collection.tags.of_class(cls))
        posts = images_rated(self._collection, pattern) if cls == "rating" else BitMap()
        matching = [tag for tag in self._named_tags(pattern) if tag in of_class]
        return self._union(matching, f"{cls}:{pattern}", posts)

    def _union(self, tags: list[int], shown: str, more: BitMap | None = None) -> BitMap:
        found = [more] if more else []
        for tag in tags:  # of a wildcard thousands
            raise_if_cancelled(self._cancel)
            found.append(self._collection.bitmaps.of(tag))
        alive = self._collection.images.alive()
        if not any(images.intersect(alive) for images in found):
            self.unknown.append(shown)
        return found[0] if len(found) == 1 else BitMap().union(*found)

    def _numbered(self, term: NumberTerm, within: BitMap) -> BitMap:
        length = len(self._collection.columns.of("width"))
        ids = id_array(within) if len(within) * _SMALL < length else None
        values = numbers(self._collection, term.field, ids)
        unit = DATE_UNITS if term.field == "date" else 1
        fits: NDArray[Any] = ~np.isnan(values)
        if term.low is not None:
            low = term.low * unit
            fits &= values > low if term.low_open else values >= low
        if term.high is not None:
            high = term.high * unit
            fits &= values < high if term.high_open else values <= high
        fits = ~fits if term.negated else fits
        return of_mask(fits) if ids is None else of_array(ids[fits])

    def _picked(self, term: WordTerm) -> BitMap:
        pick = self._collection.picks.get(term.value)
        if pick is None:
            raise self._unknown("pick", term, (each.name for each in self._collection.picks.list()))
        return pick.images

    def _grouped(self, term: WordTerm) -> BitMap:
        groups = groups_of(self._collection)
        patterns = groups.get(term.value)
        if patterns is None:
            raise self._unknown("group", term, groups)
        return self._union(tags_of_group(self._collection, patterns), f"group:{term.value}")

    def _named(self, term: WordTerm) -> BitMap:
        """The images of a subset, or of a saved filter: a filter inside the filter."""
        inside = f"{term.field} '{term.value}'"
        text = self._filter_called(term)
        if inside in self._inside:
            raise FilterError(f"{inside} names itself", "change its filter", self._text, term.position)
        inner = _Evaluation(self._collection, self._text, {}, self._cancel, (*self._inside, inside))
        try:
            query = parse(text, self._collection.tags.classes())
        except UserError as error:
            what = f"{inside} has a broken filter ({error.what})"
            raise FilterError(what, error.hint, self._text, term.position) from error
        found = inner.whole(query)
        self.unknown += inner.unknown
        if query.limit is None:
            return found
        order = Order(self._collection, found, query.sort, self._cancel) if query.sort else None
        return Result(found, order, query.limit).bitmap()

    def _filter_called(self, term: WordTerm) -> str:
        table = self._collection.subsets if term.field == "subset" else self._collection.saved_filters
        found = table.get(term.value)
        if found is None:
            kind = "subset" if term.field == "subset" else "saved filter"
            raise self._unknown(kind, term, (each.name for each in table.list()))
        return found.filter

    def _unknown(self, kind: str, term: WordTerm, names: Iterable[str]) -> FilterError:
        hint = did_you_mean(term.value, names)
        return FilterError(f"no {kind} '{term.value}'", hint, self._text, term.position)


def _numbered_so(spans: Iterable[tuple[int, int]]) -> BitMap:
    found = BitMap()
    for low, high in spans:
        found.add_range(min(low, _NO_ID), min(high + 1, _NO_ID))
    return found


def _cost(part: Expr) -> int:
    match part:
        case TextTerm():
            return _TEXT
        case NumberTerm():
            return 1
        case Not(inner):
            return _cost(inner)
        case And(parts) | Or(parts):
            return max(map(_cost, parts))
        case _:
            return 0
