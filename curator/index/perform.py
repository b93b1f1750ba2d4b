"""Decides how a change reaches the index: rows, postings, counts and columns together, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from pyroaring import BitMap

from curator.index import texts
from curator.index.bitmaps import Flag
from curator.index.changes import (
    CaptionsReplaced,
    Change,
    Classed,
    FlagChange,
    Renamed,
    TagChange,
    TagsReplaced,
)
from curator.index.store import Store
from curator.index.tag_blob import decode, encode

_SPARE = "\ue000"  # a private-use character: the name of a tag no image has


def perform(store: Store, changes: Iterable[Change]) -> list[Change]:
    """Apply changes in order, inside the caller's write transaction; gives what was really done."""
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
        case TagChange():
            _change_tag(store, change)
        case TagsReplaced():
            _replace_tags(store, change)
        case CaptionsReplaced():
            set_captions(store, change.images, change.after)
        case FlagChange(flag, gained, lost):
            store.bitmaps.add(flag, gained)
            store.bitmaps.remove(flag, lost)
        case Renamed(tag, _, after, _):
            store.tags.rename(tag, after)
        case Classed(tags, _, after):
            store.tags.set_class(tags, after)


def _rename_only(store: Store, change: Renamed) -> list[Change]:
    """Rename a tag for exactly `change.images`.

    Imports are not in the journal, so by the time a rename is undone or done again, images have come that use
    its present name (they keep it, under a spare tag) or its coming one (they join it).
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
    if not images:
        return []
    gaining = images - store.bitmaps.of(new)
    places = [(image, row.index(old)) for image, row in texts.tag_ids(store.connection, images)]
    taken = TagChange(old, images, False, tuple(place for _, place in places))
    given = TagChange(new, gaining, True, tuple(place for image, place in places if image in gaining))
    return [taken, given] if gaining else [taken]


def _change_tag(store: Store, change: TagChange) -> None:
    rows = texts.blobs(store.connection, change.images)
    if change.added:
        texts.write_blobs(store.connection, list(_with_tag(rows, change)))
        store.bitmaps.add(change.tag, change.images)
    else:
        texts.write_blobs(store.connection, list(_without_tag(rows, change.tag)))
        store.bitmaps.remove(change.tag, change.images)
    sign = 1 if change.added else -1
    store.tags.count_more({change.tag: sign * len(change.images & store.alive())})
    _count_tags(store, change.images, np.full(len(change.images), sign))


def _with_tag(rows: Iterable[tuple[int, bytes]], change: TagChange) -> Iterator[tuple[int, bytes]]:
    if change.places is None:
        new = encode([change.tag])
        yield from ((image, blob + new) for image, blob in rows)
        return
    for (image, blob), place in zip(rows, change.places, strict=True):
        tags = decode(blob)
        tags.insert(place, change.tag)
        yield image, encode(tags)


def _without_tag(rows: Iterable[tuple[int, bytes]], tag: int) -> Iterator[tuple[int, bytes]]:
    for image, blob in rows:
        tags = decode(blob)
        tags.remove(tag)
        yield image, encode(tags)


def _count_tags(store: Store, images: BitMap, deltas: np.ndarray) -> None:
    ids = np.array(images.to_array(), np.int64)
    counts = store.columns.of("tags_count")[ids].astype(np.int64) + deltas
    store.columns.write("tags_count", ids, counts)


def _replace_tags(store: Store, change: TagsReplaced) -> None:
    gained: dict[int, list[int]] = {}
    lost: dict[int, list[int]] = {}
    deltas: list[int] = []
    for image, before, after in zip(change.images, change.before, change.after, strict=True):
        old, new = set(decode(before)), set(decode(after))
        deltas.append(len(new) - len(old))
        for tag in new - old:
            gained.setdefault(tag, []).append(image)
        for tag in old - new:
            lost.setdefault(tag, []).append(image)
    texts.write_blobs(store.connection, list(zip(change.images, change.after, strict=True)))
    add_postings(store, {tag: BitMap(images) for tag, images in gained.items()})
    remove_postings(store, {tag: BitMap(images) for tag, images in lost.items()})
    _count_tags(store, change.images, np.array(deltas, np.int64))


def add_postings(store: Store, postings: dict[int, BitMap]) -> None:
    """Images that now have tags; counts follow."""
    alive = store.alive()
    for tag, images in postings.items():
        store.bitmaps.add(tag, images)
    store.tags.count_more({tag: len(images & alive) for tag, images in postings.items()})


def remove_postings(store: Store, postings: dict[int, BitMap]) -> None:
    """Images that no longer have tags; counts follow."""
    alive = store.alive()
    for tag, images in postings.items():
        store.bitmaps.remove(tag, images)
    store.tags.count_more({tag: -len(images & alive) for tag, images in postings.items()})


def set_captions(store: Store, images: BitMap, captions: Sequence[str]) -> None:
    """Write free captions, in id order."""
    pairs = list(zip(images, captions, strict=True))
    texts.write_captions(store.connection, pairs)
    some = BitMap(image for image, text in pairs if text)
    store.bitmaps.add(Flag.CAPTIONED, some)
    store.bitmaps.remove(Flag.CAPTIONED, images - some)


def set_alive(store: Store, images: BitMap, alive: bool) -> BitMap:
    """Say that files are there (or gone); their words stay. Gives the images for which that is news."""
    news = images - store.alive() if alive else images & store.alive()
    if alive:
        store.bitmaps.add(Flag.ALIVE, news)
    else:
        store.bitmaps.remove(Flag.ALIVE, news)
    counts: Counter[int] = Counter()
    for _, tags in texts.tag_ids(store.connection, news):
        counts.update(tags)
    store.tags.count_more(counts if alive else {tag: -count for tag, count in counts.items()})
    return news
