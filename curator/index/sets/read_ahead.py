"""Read-ahead of a cold index, so that a first filter finds it in the system's cache.

A filter reads some fifteen rows of every tag, each from another place of the file: on a cold disk that is most of the
time to its first page. Read in the order of the file, all of them take a second for 3.6 million images.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from curator.index.sets.bitmap_file import CHUNK_BITS, TAG_BITS
from curator.index.sets.columns import KEY_BITS, PART_BITS

if TYPE_CHECKING:
    from curator.index.file.database import Database

# (query for the highest key, query that reads a span whole, keys a span): what filters need first, then rows
_TABLES = (
    ("SELECT max(key) FROM bitmap", "SELECT max(data) FROM bitmap WHERE key>=? AND key<?", 1 << TAG_BITS),
    (
        "SELECT max(key) FROM column_part",
        "SELECT max(data) FROM column_part WHERE key>=? AND key<?",
        1 << (CHUNK_BITS - PART_BITS + KEY_BITS),
    ),
    (
        "SELECT max(id) FROM image_text",
        "SELECT max(tags) FROM image_text WHERE id>=? AND id<?",
        1 << CHUNK_BITS,
    ),
    ("SELECT max(id) FROM image", "SELECT max(sha256) FROM image WHERE id>=? AND id<?", 1 << CHUNK_BITS),
)
_NOTHING_BYTES = 1 << 20  # a span that took less from the disk was in the cache: so is the rest of its table


def warm(database: Database, is_cancelled: Callable[[], bool]) -> int:
    """Read the tables once, in a connection of its own that nobody waits for; gives how many spans were read."""
    spans = 0
    with database.read_connection() as connection:
        for highest, read, keys in _TABLES:
            last = connection.execute(highest).fetchone()[0]
            for first in range(0, (last or 0) + 1, keys):
                if is_cancelled():
                    return spans
                before = _bytes_from_disk()
                connection.execute(read, (first, first + keys)).fetchone()
                spans += 1
                if before is not None and (_bytes_from_disk() or 0) - before < _NOTHING_BYTES:
                    break
    return spans


def _bytes_from_disk() -> int | None:
    """What this process had read from disks so far; None where the system does not say."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("read_bytes")), None)
