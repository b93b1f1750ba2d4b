"""Decides which tags follow from the facts of posts: quality, rating, year, and heads that all captions share.

Quality is a percentile inside each rating (S011): a post gets the first word whose cut its number lies above,
strictly. Posts too young to have settled get none and do not count (S012). Unknown ratings, dates and years outside
all bands give nothing (S013, S014).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.contract.errors import UserError, did_you_mean
from curator.index.bitmaps import of_array
from curator.index.collection import Collection
from curator.index.metadata import RATINGS

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
            return _head(ids, tuple(dict.fromkeys(tables["head"]["tags"])))
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
    values = facts.of(source)
    settled = np.isfinite(values) & ~_too_young(facts, table)
    ratings = facts.ratings()
    images: dict[tuple[str, ...], BitMap] = {}
    cuts: Cuts = {}
    for number, rating in enumerate(RATINGS[1:], 1):
        inside = np.flatnonzero(settled & (ratings == number))
        own = values[inside]
        edges = _edges(preset, rating, own, len(words))
        if edges is None:
            continue
        cuts[rating] = tuple(edges.tolist())
        # How many of the falling cuts a value does not lie above is the place of its word.
        places = (len(edges) - np.searchsorted(edges[::-1], own, "left")).astype(np.uint8)
        for place, word in enumerate(words):
            fits = of_array(facts.ids[inside[places == place]])
            if fits:
                images[(word,)] = images.get((word,), BitMap()) | fits
    return Derived("quality", words, images, cuts)


def _edges(
    preset: Mapping[str, Any], rating: str, values: NDArray[np.float64], words: int
) -> NDArray[np.float64] | None:
    """The falling numbers between the words; None where there is nothing to cut."""
    given = preset["counts"].get(rating) if "counts" in preset else preset["cuts"]
    if given is None or not len(values):
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
    return np.percentile(values, given)


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
