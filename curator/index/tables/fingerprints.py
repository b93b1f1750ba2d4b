"""Perceptual fingerprints: one 64-bit number per content, so equal files share it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.index.file.database import Database

_AT_ONCE = 500


class Fingerprints:
    """Numbers by sha256. None is an image that has none: it is flat, or could not be decoded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, contents: Sequence[bytes]) -> dict[bytes, int | None]:
        """What is known of these contents."""
        found: dict[bytes, int | None] = {}
        with self._database.reading() as connection:
            for at in range(0, len(contents), _AT_ONCE):
                some = contents[at : at + _AT_ONCE]
                query = (
                    f"SELECT content, value FROM fingerprint WHERE content IN ({','.join('?' * len(some))})"
                )
                for content, value in connection.execute(query, list(some)):
                    found[bytes(content)] = None if value is None else int(value) % (1 << 64)
        return found

    def put(self, values: Iterable[tuple[bytes, int | None]]) -> None:
        """Keep numbers; SQLite's integers are signed."""
        rows = [
            (content, None if value is None else value - (1 << 64) if value >> 63 else value)
            for content, value in values
        ]
        with self._database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO fingerprint(content, value) VALUES(?,?)", rows)

    def clear_failed(self, contents: Iterable[bytes]) -> None:
        """Images of these contents that have no number are as nobody looked at."""
        with self._database.writing() as connection:
            connection.executemany(
                "DELETE FROM fingerprint WHERE content=? AND value IS NULL", [(each,) for each in contents]
            )
