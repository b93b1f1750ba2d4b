"""Records of a cache's shards: which entry lies where, with a checksum of the record and one of the entry's bytes.

A shard is two files that only grow: `NAME.data` holds the bytes of entries, `NAME.index` a record of 56 bytes for each.
An entry's bytes are written before its record, and a record counts only where its own checksum fits; so at any moment,
and after any kill, what the index says is there is there. Numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

KEY_BYTES = 16
RECORD = struct.Struct("<16s16sQIIQ")  # key, subject, offset, length, crc32, check
WORDS = struct.Struct("<6QQ")  # the same as the words that are summed up, and the sum
DATA, INDEX = ".data", ".index"
NO_SUBJECT = bytes(KEY_BYTES)
SUM_START, SUM_FACTOR, SUM_SHIFT = 0x9E3779B97F4A7C15, 0xFF51AFD7ED558CCD, 33
_64_BITS = (1 << 64) - 1


class Record(NamedTuple):
    """Where an entry lies in its shard's data, in bytes, and the crc32 of it.

    `key` names all it depends on; `subject` what it was made of, as a manifest can tell it: zeros where none can.
    """

    key: bytes
    subject: bytes
    offset: int
    length: int
    crc: int

    def packed(self) -> bytes:
        """The record as it stands in an index."""
        data = RECORD.pack(*self, 0)
        return RECORD.pack(*self, _check(WORDS.unpack(data)))


def records_in(data: bytes) -> Iterator[Record | None]:
    """The records of an index in order; None for one whose checksum does not fit. A half one at the end is none."""
    whole = len(data) - len(data) % RECORD.size
    for words, fields in zip(WORDS.iter_unpack(data[:whole]), RECORD.iter_unpack(data[:whole]), strict=True):
        yield Record(*fields[:-1]) if _check(words) == words[-1] else None


def records_of(index: Path) -> Iterator[Record | None]:
    """As `records_in`, of a file; raises `OSError`."""
    return records_in(index.read_bytes())


def checksum(data: bytes | memoryview) -> int:
    """What a record holds of its entry's bytes."""
    return zlib.crc32(data)


def _check(words: tuple[int, ...]) -> int:
    """Of the first six words; numpy computes the same of a whole index at once (`train/cache/disk_index.py`)."""
    found = SUM_START
    for word in words[:6]:
        found = (found ^ word) * SUM_FACTOR & _64_BITS
        found ^= found >> SUM_SHIFT
    return found
