"""Decides how events reach the disk and are followed: append-only lines, each written with one call."""

from __future__ import annotations

import os
from pathlib import Path

from curator.contract.errors import UserError
from curator.contract.events import Event, from_line, to_line


class EventLog:
    """The one writer of a run's `events.jsonl`."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._end_half_line()

    def write(self, event: Event) -> None:
        """Append one event; a reader sees the whole line or none of it.

        Raises:
            UserError: the disk is full or gone.
        """
        try:
            line = (to_line(event) + "\n").encode("utf-8", "backslashreplace")
            while line:  # a disk that fills up takes a part first
                line = line[os.write(self._file, line) :]
        except OSError as error:
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


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Whole events from byte `offset` on, and the offset to go on from. Damaged lines are passed over."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    whole = data.rfind(b"\n") + 1
    events = (_event(line) for line in data[:whole].splitlines() if line.strip())
    return [event for event in events if event is not None], offset + whole


def _event(line: bytes) -> Event | None:
    try:
        return from_line(line.decode("utf-8", "replace"))
    except UserError:
        return None
