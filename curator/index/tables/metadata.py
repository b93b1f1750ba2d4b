"""Facts of posts (number, rating, score, favourites, date): arrays by image id, no tags.

They come from a dump or a sidecar and are the truth, not derived: `verify --rebuild` leaves them alone. A value that
is not known is the least number of its type; `floats` gives NaN for it, which no comparison meets.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from curator.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.file.database import Database

PART_BITS = 14
TYPES: Mapping[str, str] = {"post": "<i8", "rating": "u1", "score": "<i4", "fav": "<i4", "posted": "<i8"}
RATINGS = ("", "general", "sensitive", "questionable", "explicit")  # stored by position: append only
_NUMBER = {name: number for number, name in enumerate(TYPES)}
_KEY_BITS = 4
_LIMITS = {"u1": (0, 255), "<i4": (-(2**31), 2**31 - 1), "<i8": (-(2**63), 2**63 - 1)}
_UNSAID = _LIMITS["<i8"][0]
_RATED = {rating: number for number, rating in enumerate(RATINGS) if rating}
_GENERATION = "metadata generation"

Numbers: TypeAlias = "NDArray[Any]"


class PostFacts(NamedTuple):
    """What a source says of one post; None (or no rating) where it says nothing. `posted` in seconds since 1970."""

    post: int | None = None
    rating: str = ""
    score: int | None = None
    fav: int | None = None
    posted: int | None = None


class Metadata:
    """Facts about posts of one collection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: dict[str, Numbers] = {}
        self._generation = ""

    def of(self, name: str, length: int = 0) -> Numbers:
        """A column by image id, at least `length` long, with `missing(name)` where nothing is known."""
        with self._database.reading() as connection:
            self._refresh(connection)
            if name not in self._cache:
                self._cache[name] = _load(connection, name)
        column = self._cache[name]
        if len(column) < length:
            column = np.append(column, np.full(length - len(column), missing(name), column.dtype))
        return column

    def floats(self, name: str, length: int = 0) -> NDArray[np.float64]:
        """The same with NaN where nothing is known."""
        column = self.of(name, length)
        values = column.astype(np.float64)
        values[column == missing(name)] = np.nan
        return values

    def facts(self, image: int) -> PostFacts:
        """What is known of one image."""
        got = {name: int(self.of(name, image + 1)[image]) for name in TYPES}
        known = {name: value for name, value in got.items() if value != missing(name)}
        return PostFacts(
            known.get("post"),
            RATINGS[got["rating"]],
            known.get("score"),
            known.get("fav"),
            known.get("posted"),
        )

    def write(self, facts: Sequence[tuple[int, PostFacts]]) -> None:
        """Keep facts by image id; what a source does not say stays as it was."""
        if not facts:
            return
        with self._database.writing() as connection:
            ids = np.fromiter((image for image, _ in facts), np.int64, len(facts))
            for name in TYPES:
                values = np.fromiter((_stored(name, each) for _, each in facts), np.int64, len(facts))
                known = values != _UNSAID
                if known.any():
                    _write(connection, name, ids[known], values[known])
            row = (_GENERATION, f'"{os.urandom(8).hex()}"')
            connection.execute("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", row)

    def _refresh(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT value FROM setting WHERE key=?", (_GENERATION,)).fetchone()
        now = row[0] if row else ""
        if now != self._generation:
            self._cache.clear()
            self._generation = now


def missing(name: str) -> int:
    """The number that stands for "not known" in a column."""
    return _LIMITS[TYPES[name]][0]


def _stored(name: str, facts: PostFacts) -> int:
    value: int | None = _RATED.get(facts.rating) if name == "rating" else getattr(facts, name)
    if value is None:
        return _UNSAID
    least, most = _LIMITS[TYPES[name]]
    return value if least < value <= most else max(least + 1, min(most, value))


def _write(connection: sqlite3.Connection, name: str, ids: Numbers, values: Numbers) -> None:
    """The last value of an image counts."""
    parts = ids >> PART_BITS
    for part in np.unique(parts).tolist():
        here = parts == part
        slots = ids[here] & ((1 << PART_BITS) - 1)
        key = part << _KEY_BITS | _NUMBER[name]
        row = connection.execute("SELECT data FROM metadata_part WHERE key=?", (key,)).fetchone()
        data = np.full(1 << PART_BITS, missing(name), TYPES[name])
        if row:
            data[:] = np.frombuffer(row[0], TYPES[name])
        data[slots] = values[here]
        connection.execute(
            "INSERT OR REPLACE INTO metadata_part(key, data) VALUES(?,?)", (key, data.tobytes())
        )


def _load(connection: sqlite3.Connection, name: str) -> Numbers:
    last = connection.execute("SELECT max(key) FROM metadata_part").fetchone()[0]
    count = 0 if last is None else (int(last) >> _KEY_BITS) + 1
    column = np.full(count << PART_BITS, missing(name), TYPES[name])
    for part in range(count):
        key = part << _KEY_BITS | _NUMBER[name]
        row = connection.execute("SELECT data FROM metadata_part WHERE key=?", (key,)).fetchone()
        if row:
            column[part << PART_BITS : (part + 1) << PART_BITS] = np.frombuffer(row[0], TYPES[name])
    column.flags.writeable = False
    return column
