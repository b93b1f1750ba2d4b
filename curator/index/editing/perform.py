"""A change applied to the index: postings, counts and columns at once, rows now or when there is time.

A tag added, removed or moved changes bitmaps and counts here; the rows follow by `fold.py`. Whole rows replaced,
captions and names are written here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyroaring import BitMap

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
    id_array,
)
from curator.index.changes.records import unpacked, write
from curator.index.editing import texts
from curator.index.editing.fold import fold_images
from curator.index.editing.follow import replaced_effects, tag_effects
from curator.index.editing.pending import count_change
from curator.index.editing.store import Store
from curator.index.sets.bitmaps import Flag
from curator.index.sets.columns import COUNTS


def perform(store: Store, change: Change) -> None:
    """Apply a change, inside the caller's write transaction.

    The caller lets what concerns rows wait (`Pending.defer`), or folds it at once.
    """
    match change:
        case TagChange() | TagMoved():
            _change_tags(store, change)
        case TagsReplaced():
            _replace_tags(store, change)
        case CaptionsReplaced():
            set_captions(store, change.images, change.after)
        case FlagChange(flag, gained, lost):
            store.bitmaps.change(flag, gained, lost)
        case Renamed(tag, _, after, _):
            store.tags.rename(tag, after)
        case Classed(tags, _, after):
            store.tags.set_class(tags, after)
        case RecordChanged(table, key, _, after):
            write(store.connection, table, key, unpacked(after))
        case Arrived() | FilesSeen():
            raise AssertionError("what a scan did is never done again")


def moved(new: int, having: BitMap, moves: Sequence[tuple[int, BitMap]]) -> list[Change]:
    """What turns tags into `new` in place on some images each; one `having` it already only loses the old one."""
    changes: list[Change] = []
    for old, images in moves:
        changes.append(TagMoved(old, new, images, images & having))
        having = having | images
    return changes


def _change_tags(store: Store, change: TagChange | TagMoved) -> None:
    alive = store.alive()
    for tag, gained, lost in tag_effects(change):
        store.bitmaps.change(tag, gained, lost)
        store.tags.count_more({tag: len(gained & alive) - len(lost & alive)})
    images, more = count_change(change)
    store.columns.shift(COUNTS, id_array(images), more)


def _replace_tags(store: Store, change: TagsReplaced) -> None:
    fold_images(store, store.pending.of(change.images))
    gained, lost, deltas = replaced_effects(change)
    texts.write_blobs(store, list(zip(change.images, change.after, strict=True)))
    none = BitMap()
    changes = {tag: (gained.get(tag, none), lost.get(tag, none)) for tag in {*gained, *lost}}
    store.bitmaps.change_many(changes)
    alive = change.images & store.alive()
    if len(alive) == len(
        change.images
    ):  # as ever but after files went: tens of thousands of tags need no look
        counts = {tag: len(more) - len(fewer) for tag, (more, fewer) in changes.items()}
    else:
        counts = {tag: len(more & alive) - len(fewer & alive) for tag, (more, fewer) in changes.items()}
    store.tags.count_more(counts)
    ids = id_array(change.images).astype(np.int64)
    store.columns.write_counts(ids, store.columns.of(COUNTS)[ids].astype(np.int64) + np.array(deltas))


def set_captions(store: Store, images: BitMap, captions: Sequence[str]) -> None:
    """Write free captions, in id order."""
    pairs = list(zip(images, captions, strict=True))
    texts.write_captions(store, pairs)
    some = BitMap(image for image, text in pairs if text)
    store.bitmaps.change(Flag.CAPTIONED, some, images - some)


def set_alive(store: Store, images: BitMap, alive: bool) -> BitMap:
    """Say that files are there (or gone); their words stay. Gives the images for which that is news."""
    news = images - store.alive() if alive else images & store.alive()
    if not news:
        return news
    if alive:
        store.bitmaps.add(Flag.ALIVE, news)
    else:
        store.bitmaps.remove(Flag.ALIVE, news)
    sign = 1 if alive else -1
    for piece in texts.batches(news, texts.ROWS_AT_ONCE):
        tags, counts = np.unique(texts.tag_rows(store, piece).values, return_counts=True)
        store.tags.count_more(dict(zip(tags.tolist(), (sign * counts).tolist(), strict=True)))
    none = BitMap()
    store.record("files", "scan", "", [FilesSeen(news, none, none) if alive else FilesSeen(none, news, none)])
    return news
