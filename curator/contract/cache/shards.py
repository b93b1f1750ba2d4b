"""Shards of a cache: listed, opened to append to by one process each, and what is left of a killed one taken up."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from curator.contract.cache.records import DATA, INDEX, RECORD, Record, checksum

ALIGNED = 64  # bytes: entries begin at multiples, so that their numbers can be read in place
FULL_BYTES = 1 << 30  # a shard that has reached it is not appended to


@dataclass(frozen=True)
class Shard:
    """The two files of a shard."""

    data: Path
    index: Path

    @property
    def bytes(self) -> int:
        """What both take; 0 for what is gone."""
        return _size(self.data) + _size(self.index)

    @property
    def entries(self) -> int:
        """Records in the index, damaged ones among them."""
        return _size(self.index) // RECORD.size


class Entry(NamedTuple):
    """What is to be stored: its key, its subject, and its bytes."""

    key: bytes
    subject: bytes
    data: bytes


def shards_in(folder: Path) -> list[Shard]:
    """The shards in a folder, by name; none where there is no folder."""
    return [Shard(index.with_suffix(DATA), index) for index in sorted(folder.glob(f"[!.]*{INDEX}"))]


def locked_index(index: Path) -> int | None:
    """The open index of a shard, which nobody appends to until it is closed; None where somebody does, or it is
    gone.
    """
    try:
        handle = os.open(index, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), index.lstat()):  # else it was rewritten before it was locked
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


class ShardWriter:
    """Appends to a shard of its own in `folder`: one that is there and in nobody's hands, or a new one."""

    def __init__(self, folder: Path) -> None:
        self.shard, self._index, self._data = _taken(folder) or _made(folder)
        self._end = os.fstat(self._data).st_size
        records = os.fstat(self._index).st_size // RECORD.size
        self._index_end = records * RECORD.size
        os.ftruncate(self._index, self._index_end)  # half a record, of a process that was killed

    @property
    def is_full(self) -> bool:
        return self._end >= FULL_BYTES

    def append(self, entries: Sequence[Entry]) -> list[Record]:
        """Write entries, then their records.

        Raises:
            OSError: no space, or no right to write; the shard holds what it held.
        """
        records: list[Record] = []
        parts: list[bytes] = []
        at = self._end
        for key, subject, data in entries:
            gap = -at % ALIGNED
            records.append(Record(key, subject, at + gap, len(data), checksum(data)))
            parts += [bytes(gap), data]
            at += gap + len(data)
        told = b"".join(record.packed() for record in records)
        try:
            _write(self._data, b"".join(parts), self._end)
            _write(self._index, told, self._index_end)
        except OSError:
            for handle, end in ((self._index, self._index_end), (self._data, self._end)):
                with suppress(OSError):
                    os.ftruncate(handle, end)
            raise
        self._end, self._index_end = at, self._index_end + len(told)
        return records

    def flush(self) -> None:
        """Onto the disk, entries before records; raises `OSError`."""
        os.fsync(self._data)
        os.fsync(self._index)

    def close(self) -> None:
        os.close(self._index)
        os.close(self._data)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _taken(folder: Path) -> tuple[Shard, int, int] | None:
    for shard in _with_room(folder):
        index = locked_index(shard.index)
        if index is None:
            continue
        try:
            return shard, index, os.open(shard.data, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            os.close(index)
    return None


def _with_room(folder: Path) -> Iterator[Shard]:
    return (shard for shard in shards_in(folder) if 0 < _size(shard.data) < FULL_BYTES)


def _made(folder: Path) -> tuple[Shard, int, int]:
    """A new shard; it is one from when its index is there."""
    folder.mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(8)
    shard = Shard(folder / f"{name}{DATA}", folder / f"{name}{INDEX}")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    data = os.open(shard.data, flags, 0o666)
    try:
        index = os.open(shard.index, flags, 0o666)
    except OSError:
        os.close(data)
        shard.data.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # a file system without locks; the name is nobody else's
        fcntl.flock(index, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return shard, index, data


def _write(handle: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:  # a disk that fills up takes a part first
        done = os.pwrite(handle, view, at)
        view, at = view[done:], at + done


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
