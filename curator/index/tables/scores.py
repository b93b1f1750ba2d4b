"""Scores of models: a column by name, each value with the content it belongs to.

They are measurements, not derived: `verify --rebuild` leaves them alone. An image whose file changed has no score
until it is measured again: a score never speaks of pixels that are gone.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from curator.arrays import np
from curator.contract.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.editing.store import Store

PART_BITS = 14
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_CELL = [("value", "<f8"), ("content", "<u4")]
_CELL_BYTES = 8 + 4
_GENERATION = "scores generation"


class Scores:
    """The scores of one collection. Names are small letters, digits, `_`, `.` and `-`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: dict[str, NDArray[np.void]] = {}
        self._generation = ""

    def names(self) -> list[str]:
        """Every score there is."""
        with self._store.database.reading() as connection:
            rows = connection.execute("SELECT DISTINCT name FROM score_part ORDER BY name").fetchall()
        return [name for (name,) in rows]

    def of(self, name: str, length: int = 0) -> NDArray[np.float64]:
        """Values by image id, at least `length` long; NaN where there is none, or the file is another now.

        Raises:
            UserError: there is no score of that name.
        """
        with self._store.database.reading() as connection:
            self._refresh(connection)
            if name not in self._cache:
                self._cache[name] = self._load(connection, name)
            cells = self._cache[name]
            contents = self._store.columns.of("content")[: len(cells)].astype(np.uint32)
        values = np.full(max(length, len(cells)), np.nan)
        fresh = cells["content"][: len(contents)] == contents
        values[: len(contents)] = np.where(fresh, cells["value"][: len(contents)], np.nan)
        return values

    def of_image(self, image: int) -> dict[str, float]:
        """The scores of one image by name; of millions of images no column is read for it."""
        start = (image & ((1 << PART_BITS) - 1)) * _CELL_BYTES
        query = "SELECT name, substr(data, ?, ?) FROM score_part WHERE part=? ORDER BY name"
        with self._store.database.reading() as connection:
            row = connection.execute("SELECT sha256 FROM image WHERE id=?", (image,)).fetchone()
            rows = connection.execute(query, (start + 1, _CELL_BYTES, image >> PART_BITS)).fetchall()
        content = int.from_bytes(row[0][:8], "big") & 0xFFFFFFFF if row else -1
        cells = {name: np.frombuffer(cell, _CELL)[0] for name, cell in rows}
        fresh = {name: float(cell["value"]) for name, cell in cells.items() if cell["content"] == content}
        return {name: value for name, value in fresh.items() if not np.isnan(value)}

    def write(self, name: str, values: Sequence[tuple[int, float]]) -> None:
        """Keep values by image id, in place of earlier ones, for the files as they are now.

        Raises:
            UserError: the name cannot stand in a filter.
        """
        check_name(name)
        if not values:
            return
        ids = np.array([image for image, _ in values], np.int64)
        given = np.array([value for _, value in values], np.float64)
        with self._store.database.writing() as connection:
            contents = self._store.columns.of("content")[ids].astype(np.uint32)
            for part in np.unique(ids >> PART_BITS).tolist():
                here = ids >> PART_BITS == part
                cells = _part(connection, name, part)
                slots = ids[here] & ((1 << PART_BITS) - 1)
                cells["value"][slots], cells["content"][slots] = given[here], contents[here]
                connection.execute(
                    "INSERT OR REPLACE INTO score_part(name, part, data) VALUES(?,?,?)",
                    (name, part, cells.tobytes()),
                )
            row = (_GENERATION, f'"{os.urandom(8).hex()}"')
            connection.execute("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", row)

    def remove(self, name: str) -> bool:
        """Forget a score; whether there was one."""
        with self._store.database.writing(durable=True) as connection:
            self._cache.pop(name, None)
            return connection.execute("DELETE FROM score_part WHERE name=?", (name,)).rowcount > 0

    def _refresh(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT value FROM setting WHERE key=?", (_GENERATION,)).fetchone()
        now = row[0] if row else ""
        if now != self._generation:
            self._cache.clear()
            self._generation = now

    def _load(self, connection: sqlite3.Connection, name: str) -> NDArray[np.void]:
        last = connection.execute("SELECT max(part) FROM score_part WHERE name=?", (name,)).fetchone()[0]
        if last is None:
            raise UserError(f"there is no score '{name}'", did_you_mean(name, self.names()))
        cells = np.concatenate([_part(connection, name, part) for part in range(last + 1)])
        cells.flags.writeable = False
        return cells


def check_name(name: str) -> None:
    """Refuse what cannot be written as `score(NAME)`."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"'{name}' cannot name a score",
            "use small letters, digits, '_', '.' and '-', at most 64",
        )


def _part(connection: sqlite3.Connection, name: str, part: int) -> NDArray[np.void]:
    row = connection.execute("SELECT data FROM score_part WHERE name=? AND part=?", (name, part)).fetchone()
    if row:
        return np.frombuffer(row[0], _CELL).copy()
    cells = np.zeros(1 << PART_BITS, _CELL)
    cells["value"] = np.nan
    return cells
