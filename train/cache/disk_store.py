"""A store on disk: entries in shards that any number of processes and runs write to and read at once."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from curator.contract.cache.records import NO_SUBJECT
from train.cache.disk_index import DiskIndex
from train.cache.disk_writer import DiskWriter, Room
from train.cache.packing import Entry, unpacked

if TYPE_CHECKING:
    from curator.contract.cache.groups import Group
    from train.cache.store import Tell

# Entries are read where they lie in the file, and nobody writes to them.
warnings.filterwarnings("ignore", message="The given buffer is not writable")


class DiskStore:
    """The entries of a group. A damaged one is a miss, and is told once; it is written anew where it is put again.

    Of other processes it finds what they had written when it was made or last settled.
    """

    is_shared = True

    def __init__(self, group: Group, room: Room, tell: Tell, *, waits: bool) -> None:
        """Entries are put without waiting for the disk, or where they `wait`, without losing any to a slow one."""
        self._group, self._tell = group, tell
        self._writer = DiskWriter(group.folder, room, tell, waits=waits)
        self._index = DiskIndex(group.shards)
        self._put: set[bytes] = set()
        self._lock = threading.Lock()
        self._damaged = False
        if self._index.damaged_records:
            self._tell_damage()

    @property
    def takes_more(self) -> bool:
        return not self._writer.is_given_up

    def find(self, keys: Sequence[bytes]) -> list[Entry | None]:
        if self._put and not self._put.isdisjoint(keys):
            self._writer.drain()
            self._look_again()
        index = self._index
        return [self._read(index, key, place) for key, place in zip(keys, index.places(keys), strict=True)]

    def holds(self, keys: Sequence[bytes]) -> list[bool]:
        return [
            place >= 0 or key in self._put for place, key in zip(self._index.places(keys), keys, strict=True)
        ]

    def put(self, key: bytes, entry: Entry, subject: bytes = NO_SUBJECT) -> None:
        with self._lock:
            if not self.holds([key])[0] and self._writer.put(key, subject, entry):
                self._put.add(key)

    def settle(self) -> None:
        self._writer.finish()
        self._look_again()

    def close(self) -> None:
        self._writer.close()

    def _look_again(self) -> None:
        with self._lock:
            self._put.clear()
            self._index = DiskIndex(self._group.shards)

    def _read(self, index: DiskIndex, key: bytes, place: int) -> Entry | None:
        while place >= 0:
            data = index.entry(place)
            if data is not None:
                return unpacked(data)
            self._tell_damage()
            (place,) = index.places([key])  # another of the key, written since
        return None

    def _tell_damage(self) -> None:
        if not self._damaged:
            self._damaged = True
            self._tell(
                f"the cache {self._group.name} is damaged: what does not agree with its checksum is encoded anew",
                "nothing to do: the weights come out the same; after frieze cache prune --damaged it is stored anew",
            )
