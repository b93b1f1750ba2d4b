"""Other processes' commits applied to cached bitmaps, columns and counts: patched, not read again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.index.changes.changes import (
    Arrived,
    CaptionsReplaced,
    Classed,
    FilesSeen,
    FlagChange,
    RecordChanged,
    Renamed,
    TagChange,
    TagMoved,
    TagsReplaced,
    id_array,
)
from curator.index.editing.pending import count_change
from curator.index.editing.store import Store
from curator.index.file.database import Database
from curator.index.sets.bitmaps import Flag
from curator.index.sets.columns import COUNTS
from curator.index.tags.tag_blob import decode_many


def open_store(database: Database) -> Store:
    """The parts of an index, which follow what other processes commit from now on."""
    store = Store(database)
    database.on_foreign_change = lambda: _follow(store)
    return store


def _follow(store: Store) -> None:
    """Bring what is cached up to date with what another process committed."""
    changes = store.catch_up()
    fresh = BitMap().union(*(change.images for change in changes if isinstance(change, Arrived)))
    if fresh:  # first, so that what was then edited of them finds its place
        store.columns.forget()
        store.bitmaps.reread(fresh)
        store.tags.forget_counts()
    for change in changes:
        match change:
            case TagChange() | TagMoved():
                _patch_tags(store, change)
            case TagsReplaced():
                _patch_replaced(store, change)
            case CaptionsReplaced(images, _, after):
                some = BitMap(image for image, text in zip(images, after, strict=True) if text)
                store.bitmaps.patch(Flag.CAPTIONED, some, images - some)
            case FlagChange(flag, gained, lost):
                store.bitmaps.patch(flag, gained, lost)
            case FilesSeen(came, went, other):
                store.bitmaps.patch(Flag.ALIVE, came, went)
                store.columns.reread(other)
                if came or went:
                    store.tags.forget_counts()
            case Arrived() | Renamed() | Classed() | RecordChanged():
                pass  # names are known by their own token; records are read each time they are asked for


def _patch_tags(store: Store, change: TagChange | TagMoved) -> None:
    alive = store.alive()
    for tag, gained, lost in tag_effects(change):
        store.bitmaps.patch(tag, gained, lost)
        store.tags.patch_count(tag, len(gained & alive) - len(lost & alive))
    images, more = count_change(change)
    store.columns.shift(COUNTS, id_array(images), more)


def tag_effects(change: TagChange | TagMoved) -> list[tuple[int, BitMap, BitMap]]:
    """(tag, images that gain it, images that lose it)."""
    match change:
        case TagChange(tag, images, added, _):
            return [(tag, images, BitMap()) if added else (tag, BitMap(), images)]
        case TagMoved(old, new, images, both):
            return [(old, BitMap(), images), (new, images - both, BitMap())]


def _patch_replaced(store: Store, change: TagsReplaced) -> None:
    alive = store.alive()
    gained, lost, deltas = replaced_effects(change)
    for tag in {*gained, *lost}:
        more, fewer = gained.get(tag, BitMap()), lost.get(tag, BitMap())
        store.bitmaps.patch(tag, more, fewer)
        store.tags.patch_count(tag, len(more & alive) - len(fewer & alive))
    store.columns.shift(COUNTS, id_array(change.images), np.array(deltas, np.int64))


def replaced_effects(change: TagsReplaced) -> tuple[dict[int, BitMap], dict[int, BitMap], list[int]]:
    """Images that gain and lose each tag, and how many tags more (or fewer) each image has."""
    ids = id_array(change.images).astype(np.int64)
    old, had = _pairs(ids, change.before)
    new, have = _pairs(ids, change.after)
    gained, lost = (np.setdiff1d(*pair, assume_unique=True) for pair in ((new, old), (old, new)))
    return _by_tag(gained), _by_tag(lost), (have - had).tolist()


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
