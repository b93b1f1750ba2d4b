"""Decides what a commit remembers: exactly what changed, packed, so that it can be undone and done again.

Each change names the images really changed. Positions are kept wherever undoing must put a tag back
into the middle of a caption, so that the order comes back too.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyroaring import BitMap


@dataclass(frozen=True)
class TagChange:
    """A tag added to (or taken from) images. `places`: one position per image in id order; None is the end."""

    tag: int
    images: BitMap
    added: bool
    places: tuple[int, ...] | None = None


@dataclass(frozen=True)
class TagsReplaced:
    """Whole tag lists replaced, as blobs in id order."""

    images: BitMap
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


@dataclass(frozen=True)
class CaptionsReplaced:
    """Free captions replaced, in id order."""

    images: BitMap
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class FlagChange:
    """Images that gained and lost a flag (keep or reject)."""

    flag: int
    gained: BitMap
    lost: BitMap


@dataclass(frozen=True)
class Renamed:
    """A tag's row renamed."""

    tag: int
    before: str
    after: str
    images: BitMap


@dataclass(frozen=True)
class Classed:
    """Classes of tags changed."""

    tags: tuple[int, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


Change = TagChange | TagsReplaced | CaptionsReplaced | FlagChange | Renamed | Classed
_KINDS: dict[str, type[Change]] = {
    kind.__name__: kind for kind in (TagChange, TagsReplaced, CaptionsReplaced, FlagChange, Renamed, Classed)
}


def inverse(changes: Sequence[Change]) -> list[Change]:
    """What takes the changes back, last first."""
    return [_inverse(change) for change in reversed(changes)]


def _inverse(change: Change) -> Change:
    match change:
        case TagChange(tag, images, added, places):
            return TagChange(tag, images, not added, places)
        case TagsReplaced(images, before, after):
            return TagsReplaced(images, after, before)
        case CaptionsReplaced(images, before, after):
            return CaptionsReplaced(images, after, before)
        case FlagChange(flag, gained, lost):
            return FlagChange(flag, lost, gained)
        case Renamed(tag, before, after, images):
            return Renamed(tag, after, before, images)
        case Classed(tags, before, after):
            return Classed(tags, after, before)


def touched(changes: Iterable[Change]) -> BitMap:
    """Every image any of the changes concerns."""
    images = BitMap()
    for change in changes:
        match change:
            case FlagChange():
                images |= change.gained | change.lost
            case Classed():
                pass
            case _:
                images |= change.images
    return images


def pack(changes: Sequence[Change]) -> bytes:
    """Compressed: a JSON line of names and numbers, then the bitmaps and blobs it points to."""
    sections: list[bytes] = []
    heads = [
        [type(change).__name__, *(_packed(value, sections) for value in vars(change).values())]
        for change in changes
    ]
    head = json.dumps({"changes": heads, "sizes": [len(part) for part in sections]}).encode()
    return zlib.compress(struct.pack("<Q", len(head)) + head + b"".join(sections), 1)


def unpack(data: bytes) -> list[Change]:
    """The inverse of `pack`."""
    raw = zlib.decompress(data)
    (size,) = struct.unpack_from("<Q", raw)
    head = json.loads(raw[8 : 8 + size])
    sections: list[bytes] = []
    at = 8 + size
    for length in head["sizes"]:
        sections.append(raw[at : at + length])
        at += length
    return [
        _KINDS[kind](*(_unpacked(value, sections) for value in values)) for kind, *values in head["changes"]
    ]


def _packed(value: object, sections: list[bytes]) -> Any:
    match value:
        case BitMap():
            sections.append(value.serialize())
            return {"bitmap": len(sections) - 1}
        case bytes():
            sections.append(value)
            return {"bytes": len(sections) - 1}
        case tuple():
            return [_packed(item, sections) for item in value]
        case _:
            return value


def _unpacked(value: Any, sections: Sequence[bytes]) -> Any:
    match value:
        case {"bitmap": index}:
            return BitMap.deserialize(sections[index])
        case {"bytes": index}:
            return sections[index]
        case list():
            return tuple(_unpacked(item, sections) for item in value)
        case _:
            return value
