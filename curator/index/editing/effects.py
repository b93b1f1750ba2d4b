"""Effects of a change on what is derived from the rows: bitmaps, counts of tags, and how many tags images have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.changes import (
    CaptionsReplaced,
    Change,
    FlagChange,
    RowChange,
    TagChange,
    TagMoved,
    TagsReplaced,
    id_array,
)
from curator.index.sets.bitmaps import Flag
from curator.index.tags.tag_blob import decode_many

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Effects:
    """`bitmaps`: images that gain and lose each tag or flag. `tag_counts`: how many more, or fewer, that are there
    have each tag. `images` get `more` tags, or fewer: one number, or one each.
    """

    bitmaps: Mapping[int, tuple[BitMap, BitMap]]
    tag_counts: Mapping[int, int] = field(default_factory=dict[int, int])
    images: BitMap = field(default_factory=BitMap)
    more: int | NDArray[np.int64] = 0


def effects_of(change: Change, alive: BitMap) -> Effects:
    """The effects of an edit's change; none of what a scan did, nor of names and records."""
    match change:
        case TagChange() | TagMoved():
            bitmaps = _tag_bitmaps(change)
            return Effects(bitmaps, _tag_counts(bitmaps, change.images, alive), *count_change(change))
        case TagsReplaced(images):
            bitmaps, more = _replaced(change)
            return Effects(bitmaps, _tag_counts(bitmaps, images, alive), images, more)
        case CaptionsReplaced(images, _, after):
            some = BitMap(image for image, text in zip(images, after, strict=True) if text)
            return Effects({int(Flag.CAPTIONED): (some, images - some)})
        case FlagChange(flag, gained, lost):
            return Effects({flag: (gained, lost)})
        case _:
            return Effects({})


def _tag_counts(
    bitmaps: Mapping[int, tuple[BitMap, BitMap]], images: BitMap, alive: BitMap
) -> dict[int, int]:
    if images <= alive:  # as ever but after files went: tens of thousands of tags need no look
        return {tag: len(gained) - len(lost) for tag, (gained, lost) in bitmaps.items()}
    return {tag: len(gained & alive) - len(lost & alive) for tag, (gained, lost) in bitmaps.items()}


def count_change(change: RowChange) -> tuple[BitMap, int]:
    """Which images get more (or fewer) tags by a change, and how many."""
    match change:
        case TagChange(_, images, added, _):
            return images, 1 if added else -1
        case TagMoved(_, _, _, both):
            return both, -1


def _tag_bitmaps(change: RowChange) -> dict[int, tuple[BitMap, BitMap]]:
    match change:
        case TagChange(tag, images, added, _):
            return {tag: (images, BitMap()) if added else (BitMap(), images)}
        case TagMoved(old, new, images, both):
            return {old: (BitMap(), images), new: (images - both, BitMap())}


def _replaced(change: TagsReplaced) -> tuple[dict[int, tuple[BitMap, BitMap]], NDArray[np.int64]]:
    """Images that gain and lose each tag, and how many tags more each image has."""
    ids = id_array(change.images).astype(np.int64)
    old, had = _pairs(ids, change.before)
    new, have = _pairs(ids, change.after)
    gained, lost = (_by_tag(np.setdiff1d(*pair, assume_unique=True)) for pair in ((new, old), (old, new)))
    none = BitMap()
    bitmaps = {tag: (gained.get(tag, none), lost.get(tag, none)) for tag in {*gained, *lost}}
    return bitmaps, have - had


def _pairs(ids: NDArray[np.int64], blobs: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`tag << 32 | image` of all tags of some images, each once and in order, and how many tags each image has."""
    tags, counts = decode_many(blobs)
    pairs = np.sort(tags << 32 | np.repeat(ids, counts))
    return pairs[np.diff(pairs, prepend=-1) > 0], counts


def _by_tag(pairs: NDArray[np.int64]) -> dict[int, BitMap]:
    """The images of each tag, of sorted pairs."""
    tags = pairs >> 32
    firsts = np.flatnonzero(np.diff(tags, prepend=-1))
    images = memoryview(pairs.astype(np.uint32))  # pyright: ignore[reportArgumentType] - numpy says less than it can
    beyond = [*firsts.tolist(), len(pairs)][1:]  # none, where no tag was gained
    return {
        tag: BitMap(images[first:end])
        for tag, first, end in zip(tags[firsts].tolist(), firsts.tolist(), beyond, strict=True)
    }
