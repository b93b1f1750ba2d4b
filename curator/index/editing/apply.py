"""A change set applied to the index: rows, then the bitmaps, counts and columns derived from them.

Tags added, removed and moved reach bitmaps and counts here; their rows follow when the journal knows of them
(`fold.py`), at once or when there is time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.index.changes.changes import (
    Arrived,
    CaptionsReplaced,
    Change,
    ChangeSet,
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
from curator.index.editing.effects import Effects, effects_of
from curator.index.editing.fold import fold_images
from curator.index.sets.columns import COUNTS

if TYPE_CHECKING:
    from curator.index.editing.store import Store


def apply(store: Store, change_set: ChangeSet) -> None:
    """Make the changes, inside the caller's write transaction; the caller writes them to the journal."""
    if change_set.new_tags:
        store.tags.add(change_set.new_tags)
    alive = store.alive()
    for change in change_set.changes:
        _write(store, change)
        _derive(store, change, effects_of(change, alive))


def _write(store: Store, change: Change) -> None:
    match change:
        case TagsReplaced(images, _, after):
            if behind := store.pending.of(images):
                fold_images(store, behind)  # so that it is noted where removed tags stood
            texts.write_blobs(store, zip(images, after, strict=True))
        case CaptionsReplaced(images, _, after):
            texts.write_captions(store, zip(images, after, strict=True))
        case Renamed(tag, _, after, _):
            store.tags.rename(tag, after)
        case Classed(tags, _, after):
            store.tags.set_class(tags, after)
        case RecordChanged(table, key, _, after):
            write(store.connection, table, key, unpacked(after))
        case TagChange() | TagMoved() | FlagChange():
            pass
        case Arrived() | FilesSeen():
            raise AssertionError("what a scan did is never done again")


def _derive(store: Store, change: Change, effects: Effects) -> None:
    store.bitmaps.change_many(effects.bitmaps)
    store.tags.count_more(effects.tag_counts)
    ids = id_array(effects.images)
    if isinstance(change, TagsReplaced):  # their rows are written; of others the column says what will be
        store.columns.write_more_counts(ids, effects.more)
    else:
        store.columns.shift(COUNTS, ids, effects.more)
