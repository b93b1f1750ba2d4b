"""EXIF orientation: read only where every entry of the first directory is sound."""

from __future__ import annotations

import struct

UNKNOWN = 0  # Pillow must be asked
_ORIENTATION = 0x0112
_SHORT = 3
_SIZES = dict(enumerate((0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4)))  # bytes of a value, by type
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def orientation_of(exif: bytes) -> int:
    """The orientation, 1 to 8 (1 where none is told), of TIFF bytes; `UNKNOWN` where anything about them is odd.

    Raises:
        struct.error: the bytes end within the directory, which is odd too.
    """
    order = _ORDERS.get(exif[:4])
    if order is None:
        return UNKNOWN
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, at)
    struct.unpack_from(f"{order}I", exif, at + 2 + 12 * count)  # the way to the next directory must be there
    turn, elsewhere = 1, 0
    seen = set[int]()
    for tag, kind, values, place in struct.iter_unpack(f"{order}HHII", exif[at + 2 : at + 2 + 12 * count]):
        size = _SIZES.get(kind, 0) * values
        if not size or tag in seen:
            return UNKNOWN
        seen.add(tag)
        if size > 4:
            elsewhere += size
            if place + size > len(exif) or elsewhere > len(exif):
                return UNKNOWN
        if tag == _ORIENTATION:
            if (kind, values) != (_SHORT, 1):
                return UNKNOWN
            turn = place & 0xFFFF if order == "<" else place >> 16
    return turn if 1 <= turn <= 8 else UNKNOWN
