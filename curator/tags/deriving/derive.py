"""Tags derived from the facts of posts: quality, rating, year, and heads that all captions share.

Quality is a percentile inside each rating (S011): a post gets the first word whose cut its number lies above,
strictly. Posts too young to have settled get none and do not count (S012). Unknown ratings, dates and years outside
all bands give nothing (S013, S014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.errors import UserError, did_you_mean
from curator.index.sets.bitmaps import of_array
from curator.index.tables.metadata import RATINGS, missing
from curator.index.tags.tag_names import each_once
from curator.tags.deriving.percentiles import Counted, Ints, percentiles_of, words_of

if TYPE_CHECKING:
    from curator.index.collection import Collection

KINDS = ("quality", "rating", "year", "head")
CLASS_OF_KIND = {"quality": "quality", "rating": "rating", "year": "date", "head": "quality"}
Cuts = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Derived:
    """What one kind of rule says: the images of each set of words. `vocabulary` is all it could say, in order.

    `cuts` are the numbers that quality was cut at, by rating.
    """

    kind: str
    vocabulary: tuple[str, ...]
    images: Mapping[tuple[str, ...], BitMap]
    cuts: Cuts = field(default_factory=Cuts)


def derive(collection: Collection, ids: NDArray[Any], kind: str, tables: Mapping[str, Any]) -> Derived:
    """What rules of `kind` say of the images `ids`.

    Raises:
        UserError: an unknown kind, or a table that cannot be used.
    """
    facts = _Facts(collection, ids)
    match kind:
        case "quality":
            return _quality(facts, tables["quality"])
        case "rating":
            return _ratings(facts, tables["rating"]["words"])
        case "year":
            return _years(facts, tables["year"]["bands"])
        case "head":
            return _head(ids, each_once(tables["head"]["tags"]))
        case _:
            raise UserError(f"'{kind}' cannot be derived", did_you_mean(kind, (*KINDS, "count")))


class _Facts:
    """Facts of the images asked about, in their order."""

    def __init__(self, collection: Collection, ids: NDArray[Any]) -> None:
        self.ids = ids
        self._metadata = collection.metadata
        self._length = int(ids.max(initial=0)) + 1

    def of(self, name: str) -> NDArray[np.float64]:
        return self._metadata.floats(name, self._length)[self.ids]

    def whole(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Whole numbers, 0 where none is known, and where one is."""
        column = self._metadata.of(name, self._length)[self.ids]
        known = column != missing(name)
        return np.where(known, column, 0), known

    def settled_ratings(self, known: NDArray[np.bool_], table: Mapping[str, Any]) -> NDArray[np.uint8]:
        """The rating of each, 0 (none) where its number is not `known` or it is too young to have one."""
        return np.where(known & ~_too_young(self, table), self.ratings(), 0).astype(np.uint8)

    def ratings(self) -> NDArray[Any]:
        return self._metadata.of("rating", self._length)[self.ids]

    def images(self, fits: NDArray[np.bool_]) -> BitMap:
        return of_array(self.ids[fits])


def _quality(facts: _Facts, table: Mapping[str, Any]) -> Derived:
    preset = table["presets"].get(table["preset"])
    if preset is None:
        raise UserError(
            f"there is no quality preset '{table['preset']}'", did_you_mean(table["preset"], table["presets"])
        )
    words, source = tuple(preset["words"]), table["source"]
    if source not in ("fav", "score"):
        raise UserError(f"quality.source is '{source}'", "known: fav, score")
    values, known = facts.whole(source)
    places, cuts = _places(values, facts.settled_ratings(known, table), preset, len(words))
    order = np.argsort(
        places, kind="stable"
    )  # small numbers are sorted by counting them, and ids stay in order
    beyond = np.cumsum(np.bincount(places, minlength=len(words) + 1)).tolist()
    images: dict[tuple[str, ...], BitMap] = {}
    for word, first, end in zip(words, [0, *beyond], beyond, strict=False):
        if end > first:
            images[(word,)] = images.get((word,), BitMap()) | of_array(facts.ids[order[first:end]])
    return Derived("quality", words, images, cuts)


def _places(
    values: NDArray[Any], ratings: NDArray[np.uint8], preset: Mapping[str, Any], words: int
) -> tuple[NDArray[np.uint8], Cuts]:
    """The place of each image's word among `words`, `words` itself where there is none; and the cuts by rating."""
    counted = Counted(values)
    counts = counted.of_groups(ratings, len(RATINGS))
    word = np.full(counts.shape, words, np.uint8)
    cuts: Cuts = {}
    for number, rating in enumerate(RATINGS[1:], 1):
        edges = _edges(preset, rating, counted.steps, counts[number], words)
        if edges is not None:
            cuts[rating] = tuple(edges.tolist())
            word[number] = words_of(counted.steps, edges)
    places = ratings.astype(np.int32) * np.int32(len(counted.steps)) + counted.where
    return word.ravel()[places], cuts


def _edges(
    preset: Mapping[str, Any], rating: str, steps: Ints, counts: Ints, words: int
) -> NDArray[np.float64] | None:
    """The falling numbers between the words; None where there is nothing to cut."""
    given = preset["counts"].get(rating) if "counts" in preset else preset["cuts"]
    if given is None or not counts.any():
        return None
    if len(given) != words - 1 or sorted(given, reverse=True) != list(given):
        raise UserError(
            f"{words} quality words need {words - 1} falling cuts, not {list(given)}",
            "mend the table of quality",
        )
    if "counts" in preset:
        return np.array(given, np.float64)
    if not all(0 <= cut <= 100 for cut in given):
        raise UserError(f"the cuts {list(given)} are no percentiles", "give numbers from 0 to 100")
    return percentiles_of(steps, counts, given)


def _too_young(facts: _Facts, table: Mapping[str, Any]) -> NDArray[np.bool_]:
    young = np.zeros(len(facts.ids), bool)
    if table["too_young_post"]:
        young |= facts.of("post") > table["too_young_post"]
    if table["too_young_date"]:
        try:
            day = date.fromisoformat(table["too_young_date"])
        except ValueError:
            raise UserError(f"'{table['too_young_date']}' is no date", "write it like 2023-06-01") from None
        young |= facts.of("posted") >= datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return young


def _head(ids: NDArray[Any], words: tuple[str, ...]) -> Derived:
    if not words:
        raise UserError("the head has no tags", "give them with --head, or in the table head")
    return Derived("head", words, {words: of_array(ids)})


def _ratings(facts: _Facts, words: Mapping[str, Sequence[str]]) -> Derived:
    unknown = set(words) - set(RATINGS[1:])
    if unknown:
        raise UserError(f"'{min(unknown)}' is no rating", did_you_mean(min(unknown), RATINGS[1:]))
    ratings = facts.ratings()
    images = {
        tuple(words[name]): facts.images(ratings == RATINGS.index(name)) for name in words if words[name]
    }
    vocabulary = tuple(dict.fromkeys(word for each in words.values() for word in each))
    return Derived("rating", vocabulary, {each: found for each, found in images.items() if found})


def _years(facts: _Facts, bands: Sequence[Mapping[str, Any]]) -> Derived:
    posted = facts.of("posted")
    images: dict[tuple[str, ...], BitMap] = {}
    for band in bands:
        first = datetime(band["first"], 1, 1, tzinfo=UTC).timestamp()
        beyond = datetime(band["last"] + 1, 1, 1, tzinfo=UTC).timestamp()
        found = facts.images((posted >= first) & (posted < beyond))  # NaN is in no band
        if found:
            images[(band["word"],)] = images.get((band["word"],), BitMap()) | found
    return Derived("year", tuple(dict.fromkeys(band["word"] for band in bands)), images)
