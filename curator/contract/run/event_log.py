"""The event log of a run: append-only lines, each written with one call, followed as it grows."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import NamedTuple

from curator.contract.errors import UserError
from curator.contract.files.regular_file import open_regular
from curator.contract.run.events import Event, from_line, to_line

_MOST_WAITING = 1 << 20  # some 4,000 steps
_MOST_AT_ONCE = 1 << 26  # a hundred thousand steps and more


class EventLog:
    """The one writer of a run's `events.jsonl`. While the disk is full it keeps what it was given, up to 1 MiB.

    Safe in any thread: the writers of caches tell of a full disk in theirs.
    """

    def __init__(self, path: Path) -> None:
        self._waiting = b""
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._end_half_line()

    def write(self, event: Event) -> None:
        """Append one event; a reader sees the whole line or none of it.

        Raises:
            UserError: the disk is gone, or full for so long that events would be lost.
        """
        line = (to_line(event) + "\n").encode("utf-8", "backslashreplace")
        with self._lock:
            self._waiting += line
            try:
                while self._waiting:  # a disk that fills up takes a part first
                    self._waiting = self._waiting[os.write(self._file, self._waiting) :]
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT) and len(self._waiting) < _MOST_WAITING:
                    return
                raise UserError(
                    f"the event log cannot be written: {error.strerror}", "free space, then resume"
                ) from error

    def close(self) -> None:
        os.close(self._file)

    def _end_half_line(self) -> None:
        """A worker killed in mid-write leaves a part line: end it, so that the next event stands alone."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")


class Events(NamedTuple):
    """Some whole events of a log, and the `offset` in bytes to go on from.

    `damaged` counts lines that are none and were passed over; there is `more` where a long log was not read to its end.
    """

    events: list[Event]
    offset: int
    damaged: int = 0
    more: bool = False


def read_events(path: Path, offset: int = 0, most_bytes: int = _MOST_AT_ONCE) -> Events:
    """Whole events from byte `offset` on, of at most so many bytes.

    Raises:
        UserError: the log cannot be read.
    """
    try:
        with open_regular(path) as file:
            file.seek(offset)
            data = file.read(most_bytes)
    except FileNotFoundError:
        return Events([], offset)
    except OSError as error:
        raise UserError(
            f"the event log {path} cannot be read: {error.strerror}",
            "check what it is, and its rights",
        ) from error
    whole = data.rfind(b"\n") + 1
    more = len(data) == most_bytes
    if more and not whole:  # no event is so long
        return Events([], offset + len(data), 1, True)
    events: list[Event] = []
    damaged = 0
    for line in filter(None, map(bytes.strip, data[:whole].split(b"\n"))):
        try:
            event = from_line(line.decode("utf-8", "replace"))
        except UserError:
            damaged += 1
        else:
            events += [event] if event else []
    return Events(events, offset + whole, damaged, more)


def end_of_events(path: Path) -> int:
    """The offset from which only later events are read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
