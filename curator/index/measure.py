"""Decides how many images an edit would change, without writing: for the count in a confirmation."""

from __future__ import annotations

from collections.abc import Sequence

from pyroaring import BitMap

from curator.index import texts
from curator.index.bitmaps import Flag
from curator.index.edits import (
    AddTags,
    Edit,
    GiveAndTake,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetClass,
    SetMark,
)
from curator.index.plan import having_any, renaming
from curator.index.store import Store


def images_to_change(store: Store, edit: Edit, images: BitMap) -> int:
    """The number `Commit.images_changed` would have."""
    match edit:
        case AddTags(names):
            return len(images - _having_all(store, names, images))
        case RemoveTags(names):
            return len(images & _having_any(store, names))
        case GiveAndTake(given, taken):
            new = (some - _having_all(store, (name,), some) for name, some in given)
            gone = (some & _having_any(store, [name]) for name, some in taken)
            return len(BitMap().union(*new, *gone) & images)
        case RenameTag(old, new):
            return len(images & having_any(store, renaming(store, old, new)[0]))
        case SetMark(mark):
            return len(images - _marked(store, mark))
        case SetCaption(text):
            return sum(1 for _, old in texts.captions(store, images) if old != text)
        case ReorderTags():
            return len(images)
        case Rewrite(words):
            return len(images & BitMap(word.image for word in words))
        case SetClass():
            return 0


def _having_all(store: Store, names: tuple[str, ...], images: BitMap) -> BitMap:
    having = images
    for spelled in store.tags.spellings(names):
        having = having & having_any(store, spelled)
    return having


def _having_any(store: Store, names: Sequence[str]) -> BitMap:
    return having_any(store, [tag for spelled in store.tags.spellings(names) for tag in spelled])


def _marked(store: Store, mark: int) -> BitMap:
    keep, reject = store.bitmaps.of(Flag.KEEP), store.bitmaps.of(Flag.REJECT)
    return keep if mark == 1 else reject if mark == -1 else store.alive() - keep - reject
