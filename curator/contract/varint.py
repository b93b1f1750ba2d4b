"""Small numbers packed as LEB128: seven bits a byte, least significant first."""

from __future__ import annotations

from collections.abc import Iterable

_CONTINUED = bytes(range(0x80, 0x100))


def pack(numbers: Iterable[int]) -> bytes:
    """`numbers` (each 0 or more) in order, one to ten bytes each."""
    out = bytearray()
    for number in numbers:
        rest = number
        while rest > 0x7F:
            out.append(rest & 0x7F | 0x80)
            rest >>= 7
        out.append(rest)
    return bytes(out)


def count(blob: bytes) -> int:
    """How many numbers a packed blob holds: all bytes but those that are continued."""
    return len(blob.translate(None, _CONTINUED))


def unpack(blob: bytes) -> list[int]:
    """The numbers of a packed blob, in order."""
    out: list[int] = []
    number = shift = 0
    for byte in blob:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            out.append(number)
            number = shift = 0
    return out
