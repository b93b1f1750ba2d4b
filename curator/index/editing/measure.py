"""Images that an edit would change, without writing: for the count in a confirmation."""

from __future__ import annotations

from collections.abc import Sequence

from pyroaring import BitMap

from curator.index.changes.edits import (
    AddAndRemoveTags,
    AddTags,
    Edit,
    EditGroup,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetMark,
)
from curator.index.editing import texts
from curator.index.editing.plan import having_any, renaming
from curator.index.editing.store import Store
from curator.index.sets.bitmaps import Flag


def images_to_change(store: Store, edit: Edit, images: BitMap) -> BitMap:
    """The images that `Commit.images_changed` would count; of what is rewritten, all that are named."""
    match edit:
        case AddTags(names):
            return images - _having_all(store, names, images)
        case RemoveTags(names):
            return images & _having_any(store, names)
        case AddAndRemoveTags():
            return _added_or_removed(store, edit) & images
        case RenameTag(old, new):
            return images & having_any(store, renaming(store, old, new)[0])
        case SetMark(mark):
            return images - _marked(store, mark)
        case SetCaption(text):
            return _with_other_caption(store, text, images)
        case ReorderTags():
            return images
        case Rewrite(words):
            return images & BitMap([word.image for word in words])
        case EditGroup(parts):
            return _of_all(store, parts) & images
        case _:  # a class of tags concerns no images
            return BitMap()


def _with_other_caption(store: Store, text: str, images: BitMap) -> BitMap:
    return BitMap(image for image, old in texts.captions(store, images) if old != text)


def _of_all(store: Store, parts: Sequence[tuple[Edit, BitMap]]) -> BitMap:
    return BitMap().union(*(images_to_change(store, edit, some) for edit, some in parts))


def _added_or_removed(store: Store, edit: AddAndRemoveTags) -> BitMap:
    new = (some - _having_all(store, (name,), some) for name, some in edit.added)
    gone = (some & _having_any(store, [name]) for name, some in edit.removed)
    return BitMap().union(*new, *gone)


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
