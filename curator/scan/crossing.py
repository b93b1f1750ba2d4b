"""Decides how wanted files and outcomes cross between processes: plain tuples, a length before each message."""

from __future__ import annotations

import marshal
import struct
from collections.abc import Sequence
from typing import Any, BinaryIO

from curator.scan.reading import Facts, Outcome, Wanted
from curator.scan.sidecar import Sidecar

_LENGTH = struct.Struct("<I")


def packed_wanted(some: Sequence[Wanted]) -> bytes:
    """A message that asks for files."""
    return _message([tuple(each) for each in some])


def packed_outcomes(some: Sequence[Outcome]) -> bytes:
    """A message that answers."""
    return _message(
        [
            (each.facts and tuple(each.facts), each.reason, [tuple(s) for s in each.sidecars], each.warnings)
            for each in some
        ]
    )


def receive_wanted(pipe: BinaryIO) -> list[Wanted] | None:
    """The next question; None where there will be none."""
    message = _received(pipe)
    return None if message is None else [Wanted(*each) for each in message]


def receive_outcomes(pipe: BinaryIO) -> list[Outcome] | None:
    """The next answer; None where the process that should give it is dead."""
    message = _received(pipe)
    return None if message is None else [_outcome(*each) for each in message]


def _outcome(facts: Any, reason: Any, sidecars: Any, warnings: Any) -> Outcome:
    return Outcome(facts and Facts._make(facts), reason, tuple(map(Sidecar._make, sidecars)), warnings)


def _message(content: list[Any]) -> bytes:
    data = marshal.dumps(content)
    return _LENGTH.pack(len(data)) + data


def _received(pipe: BinaryIO) -> Any:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return marshal.loads(data) if len(data) == length else None  # noqa: S302 - our own process wrote it
