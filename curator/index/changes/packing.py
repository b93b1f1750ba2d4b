"""The bytes of a journal row: a head of names and numbers, bitmaps as they are, everything else compressed.

Bitmaps are stored plainly because squeezing half a megabyte of them would cost more than the whole edit.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence, Set
from typing import Any

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.changes import (
    Arrived,
    CaptionsReplaced,
    Change,
    Classed,
    FilesSeen,
    FlagChange,
    RecordChanged,
    Renamed,
    TagChange,
    TagMoved,
    TagsReplaced,
)

_KINDS: dict[str, type[Change]] = {
    kind.__name__: kind
    for kind in (
        TagChange, TagMoved, TagsReplaced, CaptionsReplaced, FlagChange, Renamed, Classed, RecordChanged, Arrived,
        FilesSeen,
    )
}  # fmt: skip
_OF_TAGS = (Renamed.__name__, Classed.__name__)
_OF_RECORD = RecordChanged.__name__
_PLAIN = b"\x02"  # first byte; rows of format 1 were one zlib stream, which starts with "x"


def pack(changes: Sequence[Change]) -> bytes:
    """The changes as bytes."""
    bitmaps: list[bytes] = []
    others: list[bytes] = []
    heads = [
        [type(change).__name__, *(_packed(value, bitmaps, others) for value in change)] for change in changes
    ]
    sizes = {"changes": heads, "bitmaps": [len(part) for part in bitmaps], "bytes": [len(p) for p in others]}
    head = zlib.compress(json.dumps(sizes).encode(), 1)
    squeezed = zlib.compress(b"".join(others), 1)
    return _PLAIN + struct.pack("<QQ", len(head), len(squeezed)) + head + squeezed + b"".join(bitmaps)


def unpack(data: bytes) -> list[Change]:
    """The inverse of `pack`; reads rows of format 1 too."""
    if data[:1] != _PLAIN:
        return _unpack_first(data)
    head_size, rest_size = struct.unpack_from("<QQ", data, 1)
    at = 17 + head_size
    head = json.loads(zlib.decompress(data[17:at]))
    others = _cut(zlib.decompress(data[at : at + rest_size]), 0, head["bytes"])
    bitmaps = _cut(data, at + rest_size, head["bitmaps"])
    return [
        _change(kind, [_unpacked(v, bitmaps, others) for v in values]) for kind, *values in head["changes"]
    ]


def unpack_near(data: bytes, images: BitMap, records: Set[tuple[str, str | int]]) -> list[Change]:
    """The same, or nothing at all where no change concerns any of the images or records, a name or a class: told much
    sooner."""
    if data[:1] != _PLAIN:
        return unpack(data)
    head_size, rest_size = struct.unpack_from("<QQ", data, 1)
    head = json.loads(zlib.decompress(data[17 : 17 + head_size]))
    bitmaps = _cut(data, 17 + head_size + rest_size, head["bitmaps"])
    near = any(images.intersect(BitMap.deserialize(each)) for each in bitmaps) or any(
        kind in _OF_TAGS or (kind == _OF_RECORD and (values[0], values[1]) in records)
        for kind, *values in head["changes"]
    )
    return unpack(data) if near else []


def _unpack_first(data: bytes) -> list[Change]:
    raw = zlib.decompress(data)
    (size,) = struct.unpack_from("<Q", raw)
    head = json.loads(raw[8 : 8 + size])
    parts = _cut(raw, 8 + size, head["sizes"])
    return [_change(kind, [_unpacked(v, parts, parts) for v in values]) for kind, *values in head["changes"]]


def _change(kind: str, values: list[Any]) -> Change:
    if kind == "TagChange" and isinstance(values[3], tuple):  # format 1 kept places as numbers
        values[3] = np.array(values[3], "<u4").tobytes()
    return _KINDS[kind](*values)


def _cut(data: bytes, at: int, sizes: Sequence[int]) -> list[bytes]:
    parts: list[bytes] = []
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return parts


def _packed(value: object, bitmaps: list[bytes], others: list[bytes]) -> Any:
    match value:
        case BitMap():
            bitmaps.append(value.serialize())
            return {"bitmap": len(bitmaps) - 1}
        case bytes():
            others.append(value)
            return {"bytes": len(others) - 1}
        case tuple():
            return [_packed(item, bitmaps, others) for item in value]
        case _:
            return value


def _unpacked(value: Any, bitmaps: Sequence[bytes], others: Sequence[bytes]) -> Any:
    match value:
        case {"bitmap": index}:
            return BitMap.deserialize(bitmaps[index])
        case {"bytes": index}:
            return others[index]
        case list():
            return tuple(_unpacked(item, bitmaps, others) for item in value)
        case _:
            return value
