"""Large files read and written past the page cache: what is used once is not copied through memory.

On a CPU that hashes and computes what goes through, the system's copies cost as much as either of them. Where a file
system takes no direct access, files are read and written like any other.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from mmap import ACCESS_READ, PAGESIZE, mmap
from pathlib import Path
from types import TracebackType

import numpy as np

_BLOCK_BYTES = 4 << 20
_SECTOR_BYTES = 4096  # what places and lengths are multiples of, on the disks that ask for most
_SAMPLES = 16  # pages that tell whether a file is in memory
_DIRECT = getattr(os, "O_DIRECT", 0)


class DirectWriter:
    """A file written once from its start on. A block goes to the disk while the next one is filled."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        _set_direct(self._handle, True)
        self._block, self._other = _blocks()
        self._filled = self._place = 0
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._under_way: Future[None] | None = None

    def __enter__(self) -> DirectWriter:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self._disk.shutdown()
            os.close(self._handle)

    def write(self, data: memoryview) -> None:
        """Add bytes at the end.

        Raises:
            OSError: no space; maybe of bytes that were added before.
        """
        while data:
            taken = data[: _BLOCK_BYTES - self._filled]
            self._block[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            data = data[len(taken) :]
            if self._filled == _BLOCK_BYTES:
                self._send(_BLOCK_BYTES)

    def _finish(self) -> None:
        """What is left, with zeros up to the end of its sector, which are cut off again."""
        length = self._place + self._filled
        whole = -(-self._filled // _SECTOR_BYTES) * _SECTOR_BYTES
        self._block[self._filled : whole] = bytes(whole - self._filled)
        self._send(whole)
        self._wait()
        os.ftruncate(self._handle, length)

    def _send(self, length: int) -> None:
        self._wait()
        self._under_way = self._disk.submit(self._put, self._block[:length], self._place)
        self._block, self._other = self._other, self._block
        self._place, self._filled = self._place + length, 0

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _put(self, data: memoryview, place: int) -> None:
        while data:
            count = _direct_if_taken(self._handle, os.pwrite, data, place)
            data, place = data[count:], place + count


class BlockReader:
    """A file read once from its start to its end. A block is read while the one before it is worked on.

    A file that is in the page cache, or that is `read_again` soon, is read like any other.
    """

    def __init__(self, path: Path, *, read_again: bool) -> None:
        self._file = path.open("rb", buffering=0)
        self._bytes = os.fstat(self._file.fileno()).st_size
        _set_direct(self._file.fileno(), not read_again and not _is_cached(self._file.fileno(), self._bytes))
        self._block, self._other = _blocks()
        self._place = 0
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._under_way = self._disk.submit(self._fill, self._block, 0)

    def next(self) -> memoryview:
        """The next block, until it is asked for another; empty at the end.

        Raises:
            OSError: the disk fails.
        """
        count = self._under_way.result()
        found = self._block[:count]
        self._place += count
        self._block, self._other = self._other, self._block
        self._under_way = self._disk.submit(self._fill, self._block, self._place)
        return found

    def _fill(self, block: memoryview, place: int) -> int:
        done = 0
        while done < len(block) and place + done < self._bytes:
            count = _direct_if_taken(self._file.fileno(), _read_into, block[done:], place + done)
            if not count:
                break
            done += count
        return done


def _read_into(handle: int, block: memoryview, place: int) -> int:
    return os.preadv(handle, [block], place)


def _blocks() -> tuple[memoryview, memoryview]:
    """Two that begin with a page of memory."""
    return memoryview(mmap(-1, _BLOCK_BYTES)), memoryview(mmap(-1, _BLOCK_BYTES))


def _direct_if_taken(
    handle: int, act: Callable[[int, memoryview, int], int], data: memoryview, place: int
) -> int:
    """What a direct access gives; one like any file's, where the file system turns out to take none."""
    try:
        return act(handle, data, place)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _set_direct(handle, False)
        return act(handle, data, place)


def _set_direct(handle: int, wanted: bool) -> None:
    before = fcntl.fcntl(handle, fcntl.F_GETFL)
    with suppress(OSError):  # the file system takes no direct access
        fcntl.fcntl(handle, fcntl.F_SETFL, before | _DIRECT if wanted else before & ~_DIRECT)


def _is_cached(handle: int, length: int) -> bool:
    """Whether most of a file is in memory already, by a sample of its pages; where nothing tells it, it is not."""
    if sys.platform != "linux" or not length:
        return False
    with mmap(handle, length, access=ACCESS_READ) as mapped:
        pages = np.frombuffer(mapped, np.uint8)  # for its address: no page is touched
        answer = ctypes.create_string_buffer(1)
        there = 0
        for page in np.linspace(0, (length - 1) // PAGESIZE, _SAMPLES, dtype=int).tolist():
            place = ctypes.c_void_p(pages.ctypes.data + page * PAGESIZE)
            if ctypes.CDLL(None).mincore(place, ctypes.c_size_t(1), answer) == 0:
                there += answer.raw[0] & 1
        del pages, place
    return there * 2 > _SAMPLES
