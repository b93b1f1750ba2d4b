"""Index of a group of shards: the records of all, checked and sorted by key, and their entries mapped into memory."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.contract.cache.records import RECORD, SUM_FACTOR, SUM_SHIFT, SUM_START, checksum

if TYPE_CHECKING:
    from pathlib import Path

    from curator.contract.cache.shards import Shard

_FIELDS = np.dtype([("key", "<u8", 2), ("subject", "<u8", 2), ("offset", "<u8"), ("length", "<u4"), ("crc", "<u4"),
                    ("check", "<u8")])  # fmt: skip
_KEY = struct.Struct("<QQ")
_FEW = 8  # keys, which are found sooner one by one than all at once


class DiskIndex:
    """What some shards hold at one moment. Nothing of it changes but what `entry` has checked: safe in any thread.

    Of several entries of one key, the first whose bytes are sound is the one.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.damaged_records = 0
        self._maps: list[memoryview] = []
        parts: list[NDArray[np.void]] = []
        for shard in shards:
            told = _records(shard.index)  # before the data, which may grow meanwhile
            data = _mapped(shard.data)
            self._maps.append(data)
            parts.append(self._sound(told, len(data)))
        records = np.concatenate(parts) if parts else np.empty(0, _FIELDS)
        self._offset, self._length, self._crc = records["offset"], records["length"], records["crc"]
        self._shard = np.repeat(np.arange(len(parts), dtype=np.uint32), [len(part) for part in parts])
        self._order = np.lexsort((records["key"][:, 1], records["key"][:, 0]))
        self._first, self._second = (
            np.ascontiguousarray(records["key"][self._order, half]) for half in (0, 1)
        )
        self._state = np.zeros(len(records), np.int8)  # 1: its bytes were compared; -1: they are others

    def places(self, keys: Sequence[bytes]) -> list[int]:
        """The places of entries, for `entry`; -1 where there is none."""
        if not keys or not len(self._first):
            return [-1] * len(keys)
        if len(keys) < _FEW:
            return [self._place(key) for key in keys]
        wanted = np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)
        starts = np.searchsorted(self._first, wanted[:, 0])
        at = np.minimum(starts, len(self._first) - 1)
        found = self._order[at]
        is_it = (
            (self._first[at] == wanted[:, 0]) & (self._second[at] == wanted[:, 1]) & (self._state[found] >= 0)
        )
        places: list[int] = np.where(is_it, found, -1).tolist()
        for number in np.flatnonzero(~is_it).tolist():
            places[number] = self._from(int(starts[number]), *wanted[number].tolist())
        return places

    def _place(self, key: bytes) -> int:
        first, second = _KEY.unpack(key)
        return self._from(int(self._first.searchsorted(np.uint64(first))), first, second)

    def _from(self, at: int, first: int, second: int) -> int:
        while at < len(self._first) and self._first[at] == first:
            place = int(self._order[at])
            if self._second[at] == second and self._state[place] >= 0:
                return place
            at += 1
        return -1

    def entry(self, place: int) -> memoryview | None:
        """The bytes of an entry; None where they are not what was written."""
        start, length = int(self._offset[place]), int(self._length[place])
        data = self._maps[self._shard[place]][start : start + length]
        if self._state[place] == 0:
            self._state[place] = 1 if checksum(data) == self._crc[place] else -1
        return data if self._state[place] > 0 else None

    def _sound(self, records: NDArray[np.void], data_bytes: int) -> NDArray[np.void]:
        """The records whose own checksum fits, and whose entry lies within the data."""
        words = records.view("<u8").reshape(-1, RECORD.size // 8)
        found = np.full(len(records), SUM_START, np.uint64)
        for column in range(6):
            found = (found ^ words[:, column]) * np.uint64(SUM_FACTOR)
            found ^= found >> np.uint64(SUM_SHIFT)
        is_sound = (found == records["check"]) & (records["offset"] + records["length"] <= data_bytes)
        self.damaged_records += int(len(records) - is_sound.sum())
        return records[is_sound]


def _records(index: Path) -> NDArray[np.void]:
    """The whole records of an index; none where it is gone."""
    try:
        told = index.read_bytes()
    except OSError:
        told = b""
    return np.frombuffer(told[: len(told) - len(told) % RECORD.size], _FIELDS)


def _mapped(path: Path) -> memoryview:
    """A file's bytes, read where they are looked at; none where it is gone."""
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):  # gone, or empty
        return memoryview(b"")
