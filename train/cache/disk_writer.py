"""Writer of a disk cache: a thread that appends to a shard of its own, within the room there is.

Whoever computes never waits for the disk while it keeps up. A disk that is full, or cannot be written, ends the
writing and nothing else: what was stored stays, and is told once.
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.contract.cache.groups import bytes_in
from curator.contract.cache.shards import Entry as StoredEntry
from curator.contract.cache.shards import ShardWriter
from train.cache.packing import Entry, packed

if TYPE_CHECKING:
    from train.cache.store import Tell

_MOST_WAITING_BYTES = 256 << 20
_AT_ONCE_BYTES = 16 << 20  # written in one piece: a kill loses no more
_LOOKED_AFTER_BYTES = 256 << 20  # others write there as well


@dataclass(frozen=True)
class Room:
    """How far the caches below `folder` may grow: to `limit_bytes` (None: any), with `spare_bytes` left on the disk."""

    folder: Path
    limit_bytes: int | None = None
    spare_bytes: int = 1 << 30

    def left(self) -> tuple[int, str]:
        """Bytes that may be written now, and what bounds them."""
        free = max(0, _free_bytes(self.folder) - self.spare_bytes)
        if self.limit_bytes is None:
            return free, "the disk is nearly full"
        under = max(0, self.limit_bytes - bytes_in(self.folder))
        return min(
            free, under
        ), "the disk is nearly full" if free < under else "it has grown to cache.disk_gib"


class DiskWriter:
    """Writes entries in the order they come, into shards of the folder `group`."""

    def __init__(self, group: Path, room: Room, tell: Tell, *, waits: bool) -> None:
        self._group, self._room, self._tell, self._waits = group, room, tell, waits
        self._writer: ShardWriter | None = None
        self._left = 0
        self._waiting: deque[tuple[bytes, bytes, Entry]] = deque()
        self._waiting_bytes = 0
        self._is_busy = self._is_over = self._is_given_up = False
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether no more is written."""
        return self._is_given_up

    def put(self, key: bytes, subject: bytes, entry: Entry) -> bool:
        """Have an entry written; whether it will be. A writer that `waits` does so while too much is unwritten."""
        size = sum(part.nbytes for part in entry)
        with self._news:
            while (
                self._waiting and self._waiting_bytes + size > _MOST_WAITING_BYTES and not self._is_given_up
            ):
                if not self._waits:
                    return False
                self._news.wait()
            if self._is_given_up or self._is_over:
                return False
            self._waiting.append((key, subject, entry))
            self._waiting_bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="cache writer", daemon=True)
                self._thread.start()
            self._news.notify_all()
        return True

    def drain(self) -> None:
        """Wait until nothing is waiting."""
        with self._news:
            while (self._waiting or self._is_busy) and not self._is_given_up:
                self._news.wait()

    def finish(self) -> None:
        """Wait until all is written and flushed to the disk."""
        self.drain()
        if self._writer is not None and not self._is_given_up:
            self._guarded(self._writer.flush)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self.finish()
        with self._news:
            self._is_over = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            self._guarded(lambda taken=taken: self._write(taken))
            with self._news:
                self._is_busy = False
                if self._is_given_up:
                    self._waiting.clear()
                self._news.notify_all()

    def _take(self) -> list[tuple[bytes, bytes, Entry]] | None:
        with self._news:
            while not self._waiting and not self._is_over:
                self._news.wait()
            if not self._waiting:
                return None
            taken: list[tuple[bytes, bytes, Entry]] = []
            size = 0
            while self._waiting and size < _AT_ONCE_BYTES:
                taken.append(self._waiting.popleft())
                size += sum(part.nbytes for part in taken[-1][2])
            self._waiting_bytes -= size
            self._is_busy = True
            return taken

    def _write(self, taken: list[tuple[bytes, bytes, Entry]]) -> None:
        entries = [StoredEntry(key, subject, packed(entry)) for key, subject, entry in taken]
        size = sum(len(each.data) for each in entries)
        if size > self._left:
            self._left, why = self._room.left()
            if size > self._left:
                self._give_up(why)
                return
            self._left = min(self._left, _LOOKED_AFTER_BYTES)
        if self._writer is None or self._writer.is_full:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            self._writer = ShardWriter(self._group)
        self._writer.append(entries)
        self._left -= size

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self._give_up(error.strerror or str(error))

    def _give_up(self, why: str) -> None:
        self._is_given_up = True
        with suppress(Exception):  # told in a log that may lie on the same disk
            self._tell(
                f"the cache in {self._group.parent} grows no more: {why}",
                "the run goes on, and encodes what is not stored each time; free space, frieze cache prune, or "
                "raise cache.disk_gib",
            )


def _free_bytes(folder: Path) -> int:
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(there).free
