"""Decides how many images an edit would change, without writing: for the count in a confirmation."""

from __future__ import annotations

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
            return 0 if old == new else len(images & _having_any(store, [old]))
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
    for tag in store.tags.ids_of(names):
        having = having & store.bitmaps.of(tag) if tag is not None else BitMap()
    return having


def _having_any(store: Store, names: tuple[str, ...] | list[str]) -> BitMap:
    found = BitMap()
    for tag in store.tags.ids_of(names):
        if tag is not None:
            found |= store.bitmaps.of(tag)
    return found


def _marked(store: Store, mark: int) -> BitMap:
    keep, reject = store.bitmaps.of(Flag.KEEP), store.bitmaps.of(Flag.REJECT)
    return keep if mark == 1 else reject if mark == -1 else store.alive() - keep - reject
