"""Caches verified: every entry read and compared with its checksum."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.cache.groups import groups_in
from curator.contract.cache.records import Record, checksum, records_of

if TYPE_CHECKING:
    from curator.contract.cache.shards import Shard
    from curator.contract.progress import Progress


@dataclass(frozen=True)
class CacheCheck:
    """What of a cache is sound; a damaged entry is never used."""

    name: str
    entries: int
    damaged: int


def verify_caches(caches: Path, progress: Progress) -> list[CacheCheck]:
    """Read all caches in a folder; `progress` hears bytes."""
    groups = groups_in(caches)
    total = sum(shard.bytes for group in groups for shard in group.shards)
    done = 0
    checks: list[CacheCheck] = []
    for group in groups:
        entries = damaged = 0
        for shard in group.shards:
            for record in sound_records(shard):
                entries += 1
                damaged += record is None
            done += shard.bytes
            progress(done, total)
        checks.append(CacheCheck(group.name, entries, damaged))
    return checks


def sound_records(shard: Shard) -> Iterator[Record | None]:
    """The records of a shard, None for each that is damaged or whose entry is; none of a shard that is gone."""
    try:
        records = list(records_of(shard.index))  # before the data, which may grow meanwhile
        data = shard.data.read_bytes() if shard.data.stat().st_size == 0 else _mapped(shard)
    except FileNotFoundError:
        return
    for record in records:
        yield record if record and is_sound(record, data) else None


def _mapped(shard: Shard) -> mmap.mmap:
    with shard.data.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def is_sound(record: Record, data: bytes | mmap.mmap) -> bool:
    """Whether an entry is what was written."""
    own = data[record.offset : record.offset + record.length]
    return len(own) == record.length and checksum(own) == record.crc
