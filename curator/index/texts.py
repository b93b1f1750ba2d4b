"""Decides how the tags and captions of many images are read and written: in id order, in bounded batches."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pyroaring import BitMap

from curator.index.tag_blob import decode, encode

_BATCH = 500


def batches(ids: Iterable[int], size: int = _BATCH) -> Iterator[list[int]]:
    """Ids in pieces that fit one statement."""
    rest = iter(ids)
    while piece := list(islice(rest, size)):
        yield piece


def tag_ids(connection: sqlite3.Connection, images: BitMap) -> Iterator[tuple[int, list[int]]]:
    """(image, its tag ids in caption order), ascending by image."""
    for number, blob in blobs(connection, images):
        yield number, decode(blob)


def blobs(connection: sqlite3.Connection, images: BitMap) -> Iterator[tuple[int, bytes]]:
    """(image, its tags as stored), ascending by image."""
    for piece in batches(images):
        marks = ",".join("?" * len(piece))
        yield from connection.execute(
            f"SELECT id, tags FROM image_text WHERE id IN ({marks}) ORDER BY id", piece
        )


def captions(connection: sqlite3.Connection, images: BitMap) -> Iterator[tuple[int, str]]:
    """(image, its free caption), ascending by image."""
    for piece in batches(images):
        marks = ",".join("?" * len(piece))
        yield from connection.execute(
            f"SELECT id, caption FROM image_text WHERE id IN ({marks}) ORDER BY id", piece
        )


def write_tag_ids(connection: sqlite3.Connection, rows: Iterable[tuple[int, Sequence[int]]]) -> None:
    """Replace tags, in caption order."""
    write_blobs(connection, ((number, encode(tags)) for number, tags in rows))


def write_blobs(connection: sqlite3.Connection, rows: Iterable[tuple[int, bytes]]) -> None:
    """Replace tags as stored."""
    connection.executemany(
        "UPDATE image_text SET tags=? WHERE id=?", ((blob, number) for number, blob in rows)
    )


def write_captions(connection: sqlite3.Connection, rows: Iterable[tuple[int, str]]) -> None:
    """Replace free captions."""
    connection.executemany(
        "UPDATE image_text SET caption=? WHERE id=?", ((text, number) for number, text in rows)
    )


def text_digest(suffix: str, tags: Sequence[str], caption: str) -> bytes:
    """Whether the words a sidecar of this kind holds are still those last read from or written to it."""
    words = [*(tags if suffix != ".caption" else ()), "", caption if suffix != ".txt" else ""]
    return hashlib.sha256("\n".join(words).encode("utf-8", "surrogatepass")).digest()[:8]
