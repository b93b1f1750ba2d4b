"""Stores of what models computed, by content key: one protocol, whether it is kept in memory, on disk or, without
room, not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from curator.contract.cache.records import NO_SUBJECT

if TYPE_CHECKING:
    from train.cache.packing import Entry


class Store(Protocol):
    """Entries by key. A key names all that an entry depends on, so what is found is never another's, nor an old one.

    Safe in any thread.
    """

    @property
    def is_shared(self) -> bool:
        """Whether other processes find what this one puts, once it is settled."""
        ...

    @property
    def takes_more(self) -> bool:
        """Whether what is put is still kept."""
        ...

    def find(self, keys: Sequence[bytes]) -> list[Entry | None]:
        """The entries of these keys; None for a miss."""
        ...

    def holds(self, keys: Sequence[bytes]) -> list[bool]:
        """Whether each of these keys would be found, as far as can be told without reading what it has."""
        ...

    def put(self, key: bytes, entry: Entry, subject: bytes = NO_SUBJECT) -> None:
        """Keep an entry, where there is room. The first of a key stays."""
        ...

    def settle(self) -> None:
        """Wait until all that was put is found, also by processes that settle later."""
        ...

    def close(self) -> None:
        """Write what is not written yet; no more is put."""
        ...


class MemoryStore:
    """Entries in the memory of the CPU, up to `room_bytes`: those that come first stay. None: all stay."""

    is_shared = False
    takes_more = True

    def __init__(self, room_bytes: int | None = None) -> None:
        self._room_bytes = room_bytes
        self._kept: dict[bytes, Entry] = {}

    def find(self, keys: Sequence[bytes]) -> list[Entry | None]:
        return [self._kept.get(key) for key in keys]

    def holds(self, keys: Sequence[bytes]) -> list[bool]:
        return [key in self._kept for key in keys]

    def put(self, key: bytes, entry: Entry, subject: bytes = NO_SUBJECT) -> None:  # noqa: ARG002 (of the protocol)
        if key in self._kept:
            return
        if self._room_bytes is not None:
            size = sum(map(_held_bytes, entry))
            if size > self._room_bytes:
                return
            self._room_bytes -= size
        # Not waited for: copies back to the device are behind it in the same stream.
        self._kept[key] = tuple(part.to("cpu", non_blocking=True, copy=part.is_cuda) for part in entry)

    def settle(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing waits."""


def _held_bytes(part: Tensor) -> int:
    """What keeping it takes: memory that a GPU copies to is given out in powers of two."""
    return 1 << (part.nbytes - 1).bit_length() if part.is_cuda else part.nbytes


Tell = Callable[[str, str], None]  # what happened to a store, and what to do
