"""The state of sidecar files, so that a change from outside is seen and never overwritten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class SidecarState(NamedTuple):
    """One sidecar as last read or written.

    `suffix` is `.txt`, `.caption` or `.json`. `text_digest` is that of the image's annotations then (`text_digest.py`):
    where it differs from that of today's, they were edited in the app since.
    """

    suffix: str
    mtime_ns: int
    file_bytes: int
    file_digest: bytes
    text_digest: bytes


StateFields = tuple[str, int, int, bytes, bytes]  # of a SidecarState, which is one of these


class SidecarTable:
    """Sidecar states per image."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, images: Sequence[int]) -> dict[int, list[SidecarState]]:
        """The states of some images."""
        found: dict[int, list[SidecarState]] = {image: [] for image in images}
        for first in range(0, len(images), 500):
            some = images[first : first + 500]
            query = (
                "SELECT image, suffix, mtime_ns, file_bytes, file_digest, text_digest FROM sidecar"
                f" WHERE image IN ({','.join('?' * len(some))}) ORDER BY image, suffix"
            )
            for image, *state in self._connection.execute(query, some):
                found[image].append(SidecarState(*state))
        return found

    def put(self, image: int, states: Iterable[SidecarState]) -> None:
        """Remember states, others of the same image stay."""
        rows = [(image, s.suffix, s.mtime_ns, s.file_bytes, s.file_digest, s.text_digest) for s in states]
        self._connection.executemany("INSERT OR REPLACE INTO sidecar VALUES(?,?,?,?,?,?)", rows)

    def put_all(self, states: Iterable[tuple[int, Sequence[StateFields]]]) -> None:
        """The same for many images."""
        rows = ((image, *state) for image, of_image in states for state in of_image)
        self._connection.executemany("INSERT OR REPLACE INTO sidecar VALUES(?,?,?,?,?,?)", rows)

    def drop(self, image: int, suffixes: Iterable[str]) -> None:
        """The files are gone; the annotations stay."""
        rows = [(image, suffix) for suffix in suffixes]
        self._connection.executemany("DELETE FROM sidecar WHERE image=? AND suffix=?", rows)
