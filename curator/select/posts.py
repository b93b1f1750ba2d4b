"""The posts of a dump as candidates before any image is there: arrays, some 40 bytes a post.

Filters know `post`, `score`, `fav`, `posted` and `rating` of a dump; tags are looked at for a list, while it is read.
"""

from __future__ import annotations

import array
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curator.contract.errors import UserError
from curator.filter.language.parse import parse
from curator.filter.language.shown import shown
from curator.filter.language.tree import And, ClassTerm, Expr, Not, NumberTerm, Or
from curator.index.tables.metadata import RATINGS, PostFacts
from curator.index.tags.tag_table import folded

if TYPE_CHECKING:
    from curator.select.pool import Ids, Mask

_NONE = -(1 << 62)
_FIELDS = ("post", "score", "fav", "posted")


class Post(NamedTuple):
    """One post: its facts, unless nothing is known, its tags, and why it has no image, if so."""

    facts: PostFacts | None
    tags: tuple[str, ...] = ()
    gone: str = ""


class Posts:
    """The posts of a dump that have an image; with `draw_all` the others too, which leave when ranges are drawn."""

    def __init__(self, rows: Iterable[Post], wanted: tuple[str, ...] = (), *, draw_all: bool = False) -> None:
        columns = {name: array.array("q") for name in _FIELDS}
        ratings, listed, reasons = array.array("B"), array.array("B"), array.array("L")
        names = {folded(name) for name in wanted}
        gone: Counter[str] = Counter()
        numbers = {"": 0}
        for facts, tags, reason in rows:
            if facts is None or (reason and not draw_all):
                gone[reason] += 1
                continue
            for name in _FIELDS:
                value: int | None = getattr(facts, name)
                columns[name].append(_NONE if value is None else value)
            reasons.append(numbers.setdefault(reason, len(numbers)))
            ratings.append(RATINGS.index(facts.rating))
            listed.append(any(folded(tag) in names for tag in tags) if names else 0)
        self._columns = {name: np.array(values, np.int64) for name, values in columns.items()}
        self._ratings = np.array(ratings, np.uint8)
        self._listed = np.array(listed, bool)
        self._reasons, self._reason_numbers = np.array(reasons, np.uint32), numbers
        self._wanted = wanted
        self.ids: Ids = np.arange(len(ratings), dtype=np.uint32)
        self.before = tuple(gone.most_common())

    def without_image(self) -> Iterator[tuple[str, Mask]]:
        for reason, number in self._reason_numbers.items():
            if number:
                yield reason, self._reasons == number

    def numbers(self) -> NDArray[np.int64]:
        return self._columns["post"]

    def values(self, name: str) -> NDArray[np.float64]:
        if name not in self._columns:
            raise UserError(f"a dump knows no {name}", "import it, then pick of the collection")
        column = self._columns[name]
        return np.where(column == _NONE, np.nan, column)

    def matching(self, text: str) -> Mask:
        query = parse(text)
        if query.sort or query.limit is not None:
            raise UserError(
                "a pick has an order of its own", "use --by and --top instead of sort: and limit:"
            )
        return np.ones(len(self.ids), bool) if query.where is None else self._holds(query.where)

    def with_any(self, tags: tuple[str, ...]) -> Mask:
        if tags != self._wanted:
            raise ValueError("the dump was read for another list")
        return self._listed

    def tags_of_class(self, cls: str, ids: Ids) -> dict[int, list[int]]:
        raise UserError(f"a dump knows no {cls} of {len(ids)} posts", "import it, then pick with --cap")

    def _holds(self, part: Expr) -> Mask:
        match part:
            case And(parts):
                return np.all([self._holds(each) for each in parts], axis=0)
            case Or(parts):
                return np.any([self._holds(each) for each in parts], axis=0)
            case Not(inner):
                return ~self._holds(inner)
            case NumberTerm() if part.field in _FIELDS:
                return self._compared(part)
            case ClassTerm("rating", word) if word in (*RATINGS[1:], "none"):
                return self._ratings == RATINGS.index("" if word == "none" else word)
            case _:
                raise UserError(
                    f"a dump knows nothing of '{shown(part)}'",
                    "it knows post, score, fav, posted and rating; import it for the rest",
                )

    def _compared(self, term: NumberTerm) -> Mask:
        values = self.values(term.field)
        fits: Mask = ~np.isnan(values)
        if term.low is not None:
            fits &= values > term.low if term.low_open else values >= term.low
        if term.high is not None:
            fits &= values < term.high if term.high_open else values <= term.high
        return ~fits if term.negated else fits
