"""Wire format of questions and answers between processes: plain tuples, a length before each message."""

from __future__ import annotations

import marshal
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<I")


def packed(message: tuple[Any, ...]) -> bytes:
    """A message that asks, or that answers."""
    data = marshal.dumps(tuple(message))
    return _LENGTH.pack(len(data)) + data


def received(pipe: BinaryIO) -> tuple[Any, ...] | None:
    """The next message; None where there will be none, or the process that should send it is dead."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return marshal.loads(data) if len(data) == length else None  # noqa: S302 - our own process wrote it
