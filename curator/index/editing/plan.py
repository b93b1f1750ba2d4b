"""The plan of an edit: which images, which tags, at which positions really change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from pyroaring import BitMap

from curator.contract import varint
from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.changes.changes import (
    CaptionsReplaced,
    Change,
    Classed,
    FlagChange,
    Renamed,
    TagChange,
    TagsReplaced,
    id_array,
    rows_of,
)
from curator.index.changes.edits import (
    AddAndRemoveTags,
    AddTags,
    Edit,
    EditGroup,
    Place,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetClass,
    SetMark,
)
from curator.index.editing import texts
from curator.index.editing.perform import moved
from curator.index.editing.store import Store
from curator.index.sets.bitmaps import Flag
from curator.index.sets.columns import COUNTS
from curator.index.tags.tag_blob import encode_many
from curator.index.tags.tag_names import each_once, folded
from curator.index.tags.tag_table import Tag

_FEW = 5000  # so many names of tags, most of them several times, are not worth reading all that there are


def plan(store: Store, edit: Edit, images: BitMap) -> list[Change]:
    """The changes of `edit` on `images`; empty where there is nothing to do."""
    match edit:
        case EditGroup(parts):
            return [change for each, some in parts for change in plan(store, each, some & images)]
        case SetCaption(text):
            return _caption(store, dict.fromkeys(images, text))
        case SetMark(mark):
            return _mark(store, mark, images)
        case SetClass(names, cls):
            return _classify(store, names, cls)
        case Rewrite():
            return _rewrite(store, edit, images)
        case _:
            return _plan_tags(store, edit, images)


def _plan_tags(
    store: Store, edit: AddTags | RemoveTags | AddAndRemoveTags | RenameTag | ReorderTags, images: BitMap
) -> list[Change]:
    match edit:
        case AddTags(names, at):
            return _add_and_remove(store, [(name, images) for name in each_once(names)], at)
        case RemoveTags(names):
            return _remove(store, names, images)
        case AddAndRemoveTags(given, taken, at):
            gone = [each for name, some in taken for each in _remove(store, [name], some & images)]
            return [*gone, *_add_and_remove(store, [(name, some & images) for name, some in given], at)]
        case RenameTag(old, new):
            return _rename(store, old, new, images)
        case ReorderTags(names):
            return _reorder(store, names, images)


def _add_and_remove(store: Store, wanted: Sequence[tuple[str, BitMap]], at: Place) -> list[Change]:
    """Tags for images that lack them; at a place, in the order given."""
    everyone = BitMap().union(*(some for _, some in wanted))
    if not everyone:
        return []
    ids = id_array(everyone)
    place = 0 if at == "start" else at
    base = None if isinstance(place, str) else np.minimum(max(0, place), store.columns.of(COUNTS)[ids])
    changes: list[Change] = []
    known = store.tags.spellings([name for name, _ in wanted])
    for spelled, (name, some) in zip(known, wanted, strict=True):
        missing = some - having_any(store, spelled)
        if not missing:
            continue
        tag = spelled[0].id if spelled else store.tags.intern([name])[0]
        places = None
        if base is not None:
            where = rows_of(everyone, missing)
            places = base[where].astype("<u4").tobytes()
            base[where] += 1
        changes.append(TagChange(tag, missing, True, places))
    return changes


def _remove(store: Store, names: Sequence[str], images: BitMap) -> list[Change]:
    tags = [tag for spelled in store.tags.spellings(each_once(names)) for tag in spelled]
    having = ((tag.id, images & store.bitmaps.of(tag.id)) for tag in tags)
    return [TagChange(tag, some, False) for tag, some in having if some]


def having_any(store: Store, tags: Sequence[Tag]) -> BitMap:
    """The images that have a tag, in whatever spelling."""
    return BitMap().union(*(store.bitmaps.of(tag.id) for tag in tags))


def renaming(store: Store, old: str, new: str) -> tuple[list[Tag], str]:
    """The spellings that a rename takes away, and the name they get.

    A tag that gets another name gets it as the collection spells it; one that is only spelled anew, as it is written.
    """
    olds, news = store.tags.spellings([old, new])
    if news and folded(old) != folded(new):
        new = news[0].name
    return [tag for tag in olds if tag.name != new], new


def _rename(store: Store, old: str, new: str, images: BitMap) -> list[Change]:
    olds, new = renaming(store, old, new)
    moves: list[tuple[Tag, BitMap]] = []
    for tag in olds:
        everyone = store.bitmaps.of(tag.id)
        having = images & everyone
        whole = not (everyone & store.alive()) - images
        if having:
            moves.append((tag, everyone if whole else having))
    if not moves:
        return []
    target = store.tags.ids_of([new])[0]
    (tag, some) = moves[0]
    if target is None and len(moves) == 1 and len(some) == len(store.bitmaps.of(tag.id)):
        return [Renamed(tag.id, tag.name, new, some)]
    target = store.tags.intern([new], tag.cls)[0]
    return moved(target, store.bitmaps.of(target), [(tag.id, some) for tag, some in moves])


def _reorder(store: Store, names: Sequence[str], images: BitMap) -> list[Change]:
    order = store.tags.ids_of(names)
    wanted = [tag for tag in order if tag is not None]
    rows = dict(texts.tag_ids(store, images))
    for image, row in rows.items():
        if len(wanted) != len(order) or sorted(row) != sorted(wanted):
            raise UserError(
                f"image {image} does not have exactly these tags", "reload it, then order its tags"
            )
    return _replaced(store, dict.fromkeys(rows, varint.pack(wanted)))


def _replaced(store: Store, new: dict[int, bytes]) -> list[Change]:
    rows = [(image, old) for image, old in texts.blobs(store, BitMap(new)) if old != new[image]]
    if not rows:
        return []
    before, after = tuple(old for _, old in rows), tuple(new[image] for image, _ in rows)
    return [TagsReplaced(BitMap(image for image, _ in rows), before, after)]


def _caption(store: Store, wanted: dict[int, str]) -> list[Change]:
    for text in wanted.values():
        check_caption(text)
    rows = [row for row in texts.captions(store, BitMap(wanted)) if row[1] != wanted[row[0]]]
    if not rows:
        return []
    before, after = tuple(old for _, old in rows), tuple(wanted[image] for image, _ in rows)
    return [CaptionsReplaced(BitMap(image for image, _ in rows), before, after)]


def _mark(store: Store, mark: int, images: BitMap) -> list[Change]:
    if mark not in (-1, 0, 1):
        raise UserError(f"{mark} is no mark", "1 keeps, -1 rejects, 0 takes the mark away")
    changes: list[Change] = []
    for flag, value in ((Flag.KEEP, 1), (Flag.REJECT, -1)):
        now = store.bitmaps.of(flag)
        gained = images - now if mark == value else BitMap()
        lost = BitMap() if mark == value else images & now
        if gained or lost:
            changes.append(FlagChange(int(flag), gained, lost))
    return changes


def _classify(store: Store, names: Sequence[str], cls: str) -> list[Change]:
    if not cls.strip() or any(not (c.isalnum() or c in "_-") for c in cls):
        raise UserError(f"'{visible(cls)}' is no class", "a class is one word, such as artist")
    spelled = store.tags.spellings(each_once(names))
    found = [tag for tags in spelled for tag in tags if tag.cls != cls]
    if not found:
        return []
    return [Classed(tuple(tag.id for tag in found), tuple(tag.cls for tag in found), (cls,) * len(found))]


def _rewrite(store: Store, edit: Rewrite, images: BitMap) -> list[Change]:
    tags = {
        words.image: words.tags
        for words in edit.annotations
        if words.tags is not None and words.image in images
    }
    captions = {
        words.image: words.caption
        for words in edit.annotations
        if words.caption is not None and words.image in images
    }
    return [*_replaced(store, _packed(store, tags)), *_caption(store, captions)]


def _packed(store: Store, wanted: dict[int, tuple[str, ...]]) -> dict[int, bytes]:
    """The tags of many images as they are stored, each tag once; unknown names become tags."""
    rows = [row if len({*row}) == len(row) else tuple(dict.fromkeys(row)) for row in wanted.values()]
    names = list(chain.from_iterable(rows))
    tags = np.array(store.tags.intern(names)) if len(names) <= _FEW else store.tags.intern_many(names)
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    return dict(zip(wanted, encode_many(tags, counts), strict=True))


def check_caption(text: str) -> None:
    """A caption is Unicode text."""
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text) or "\0" in text:
        raise UserError(f"the caption '{visible(text[:60])}' holds a broken character", "remove it")


def names_shown(names: Iterable[str]) -> str:
    """Tag names for a line of the history."""
    shown = [f"'{name}'" for name in names]
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")
