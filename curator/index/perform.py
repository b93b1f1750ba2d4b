"""Decides how a change reaches the index: postings, counts and columns at once, rows now or when there is time.

A tag added, removed or moved changes bitmaps and counts here; the rows follow by `fold.py`. Whole rows replaced,
captions and names are written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from pyroaring import BitMap

from curator.index import texts
from curator.index.bitmaps import Flag
from curator.index.changes import (
    Arrived,
    CaptionsReplaced,
    Change,
    Classed,
    FilesSeen,
    FlagChange,
    Renamed,
    TagChange,
    TagMoved,
    TagsReplaced,
    id_array,
)
from curator.index.columns import COUNTS
from curator.index.fold import fold_images
from curator.index.follow import replaced_effects, tag_effects
from curator.index.pending import count_change
from curator.index.store import Store

_SPARE = "\ue000"  # a private-use character: the name of a tag no image has


def perform(store: Store, changes: Iterable[Change]) -> list[Change]:
    """Apply changes in order, inside the caller's write transaction; gives what was really done.

    The caller lets what concerns rows wait (`Pending.defer`), or folds it at once.
    """
    done: list[Change] = []
    for change in changes:
        if isinstance(change, Renamed):
            done.extend(_rename_only(store, change))
        else:
            _do(store, change)
            done.append(change)
    return done


def _do(store: Store, change: Change) -> None:
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
        case Arrived() | FilesSeen():
            raise AssertionError("what a scan did is never done again")


def _rename_only(store: Store, change: Renamed) -> list[Change]:
    """Rename a tag for exactly `change.images`.

    Imports are not edits, so by the time a rename is undone or done again, images have come that use its present
    name (they keep it, under a spare tag) or its coming one (they join it).
    """
    tag, before, after = change.tag, change.before, change.after
    cls = store.tags.get([tag])[0].cls
    others = store.bitmaps.of(tag) - change.images
    spare_name = f"{_SPARE}{tag} {before}"
    spare = _fresh_tag(store, spare_name, cls) if others else None
    done: list[Change] = []
    if spare is not None:
        done += _done(store, moved(store, tag, spare, others))
    taken = store.tags.ids_of([after])[0]
    if taken is not None and taken != tag:
        done += _done(store, moved(store, taken, tag, store.bitmaps.of(taken)))
        done += _done(store, [Renamed(taken, after, _unused(store, f"{_SPARE}{taken} {after}"), BitMap())])
    done += _done(store, [Renamed(tag, before, after, store.bitmaps.of(tag))])
    if spare is not None:
        done += _done(store, [Renamed(spare, store.tags.get([spare])[0].name, before, others)])
    return done


def _done(store: Store, changes: Sequence[Change]) -> Sequence[Change]:
    for change in changes:
        _do(store, change)
    return changes


def _fresh_tag(store: Store, name: str, cls: str) -> int:
    return store.tags.intern([_unused(store, name)], cls)[0]


def _unused(store: Store, name: str) -> str:
    while store.tags.ids_of([name])[0] is not None:
        name += "'"
    return name


def moved(store: Store, old: int, new: int, images: BitMap) -> list[Change]:
    """What turns one tag into another in place; an image that has both only loses the old one."""
    return [TagMoved(old, new, images, images & store.bitmaps.of(new))] if images else []


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
    alive, none = store.alive(), BitMap()
    counts: dict[int, int] = {}
    for tag in {*gained, *lost}:
        more, fewer = gained.get(tag, none), lost.get(tag, none)
        store.bitmaps.change(tag, more, fewer)
        counts[tag] = len(more & alive) - len(fewer & alive)
    store.tags.count_more(counts)
    ids = id_array(change.images).astype(np.int64)
    store.columns.write(COUNTS, ids, store.columns.of(COUNTS)[ids].astype(np.int64) + np.array(deltas))


def add_postings(store: Store, postings: Mapping[int, BitMap]) -> None:
    """Images that now have tags; counts follow."""
    alive = store.alive()
    for tag, images in postings.items():
        store.bitmaps.add(tag, images)
    store.tags.count_more({tag: len(images & alive) for tag, images in postings.items()})


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
