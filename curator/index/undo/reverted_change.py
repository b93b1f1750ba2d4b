"""The inverse of one change beneath later ones: for images that are still as it left them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pyroaring import BitMap

from curator.arrays import np
from curator.contract import varint
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
    positions_for_undo,
    rows_of,
)
from curator.index.editing import texts
from curator.index.sets.bitmaps import of_array
from curator.index.tags.new_tags import NewTags
from curator.index.tags.tag_blob import decode_many, encode_many
from curator.index.undo.conflicts import CAPTION, CLASS, MARK, ORDER, Names, Touches, is_of_tags, reordered
from curator.index.undo.reverted_record import reverted_record
from curator.index.undo.tag_merge import merged_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.editing.store import Store

Noted: TypeAlias = "tuple[BitMap, NDArray[np.uint32]]"


@dataclass
class CommitRow:
    """A row of the journal to be inverted; what other commits touched after it, and newer rows of its own commit."""

    number: int
    changes: Sequence[Change]
    names: Names
    others: Touches
    newer: Touches

    def renamed(self) -> bool:
        """Whether a tag that it added, took away or moved has had another name since."""
        return not tags_of(self.changes).isdisjoint(self.names.renamed())

    def touched(self) -> bool:
        """Whether anything was touched since."""
        return bool(self.others or self.newer)

    def touched_images(self, keys: Iterable[str]) -> BitMap:
        """Images where anything of these was touched since."""
        return BitMap().union(*(self.by_others(key) | self.newer.get(key, BitMap()) for key in keys))

    def by_others(self, *keys: str) -> BitMap:
        """Images where others touched one of these."""
        return BitMap().union(*(self.others[key] for key in keys if key in self.others))

    def candidates(self, images: BitMap, key: str) -> BitMap:
        """Those of the images where this row was the last of its commit to do something."""
        return images - self.newer[key] if key in self.newer else images


@dataclass
class Skipped:
    """What others changed since: images (or tags), and values of records in words."""

    images: BitMap = field(default_factory=BitMap)
    values: list[str] = field(default_factory=list[str])

    def __len__(self) -> int:
        return len(self.images) + len(self.values)


def tags_of(changes: Iterable[Change]) -> set[int]:
    """The tags that changes added, took away or moved."""
    tags: set[int] = set()
    for change in changes:
        match change:
            case TagChange():
                tags.add(change.tag)
            case TagMoved():
                tags |= {change.old, change.new}
            case _:
                pass
    return tags


def reverted_change(
    store: Store, row: CommitRow, number: int, recorded: Noted | None, skipped: Skipped
) -> ChangeSet:
    """The inverse of change `number`, to be applied before the next is asked for.

    Adds to `skipped` what others changed since.
    """
    new = NewTags(store.tags.first_free())
    changes = _inverse(store, row, number, recorded, skipped, new=new)
    return ChangeSet("", tuple(changes), new.all())


def _inverse(
    store: Store, row: CommitRow, number: int, recorded: Noted | None, skipped: Skipped, *, new: NewTags
) -> Sequence[Change]:
    skipped_images = skipped.images
    match row.changes[number]:
        case TagChange() as change:
            return _reverted_tag(store, row, change, recorded, skipped_images, new=new)
        case TagMoved() as change:
            return _reverted_move(store, row, change, recorded, skipped_images, new=new)
        case TagsReplaced() as change:
            return _reverted_tag_lists(store, row, change, skipped_images, new=new)
        case CaptionsReplaced() as change:
            return _reverted_captions(row, change, skipped_images)
        case FlagChange(flag, gained, lost):
            return _reverted_flag(row, flag, gained, lost, skipped_images)
        case Renamed() as change:
            return _reverted_name(store, row, change, skipped_images, new=new)
        case Classed() as change:
            return _reverted_classes(row, change, skipped_images)
        case RecordChanged() as change:
            return reverted_record(store.connection, change, row.others, row.newer, skipped.values)
        case Arrived() | FilesSeen():
            return []


def _reverted_tag(
    store: Store, row: CommitRow, change: TagChange, recorded: Noted | None, skipped: BitMap, *, new: NewTags
) -> list[Change]:
    name = row.names.one(change.tag)
    mine = row.candidates(change.images, name)
    free = mine - row.by_others(name)
    tag = store.tags.ids_of([name])[0]
    having = BitMap() if tag is None else store.bitmaps.of(tag)
    free = free & having if change.added else free - having
    skipped |= mine - free
    if not free:
        return []
    places = (
        change.positions if change.added else positions_for_undo(change.images, change.positions, recorded)
    )
    tag = new.id_of(name) if tag is None else tag
    return [TagChange(tag, free, not change.added, _some(places, change.images, free))]


def _some(places: bytes | None, images: BitMap, some: BitMap) -> bytes | None:
    if places is None or len(some) == len(images):
        return places
    return np.frombuffer(places, "<u4")[rows_of(images, some)].tobytes()


def _reverted_move(
    store: Store, row: CommitRow, change: TagMoved, recorded: Noted | None, skipped: BitMap, *, new: NewTags
) -> list[Change]:
    old_name, new_name = row.names.of([change.old, change.new])
    mine = row.candidates(change.images, old_name)
    free = mine - row.by_others(old_name)
    (old, now) = store.tags.ids_of([old_name, new_name])
    if old is not None:
        free = free - store.bitmaps.of(old)
    moved = free - change.both - row.by_others(new_name)
    moved = BitMap() if now is None else moved & store.bitmaps.of(now)
    both = free & change.both
    skipped |= mine - moved - both
    back: list[Change] = []
    if not moved and not both:
        return []
    old = new.id_of(old_name) if old is None else old
    if moved and now is not None:
        back.append(TagMoved(now, old, moved, BitMap()))
    if both:
        places = _some(positions_for_undo(change.both, None, recorded), change.both, both)
        back.append(TagChange(old, both, True, places))
    return back


def _reverted_name(
    store: Store, row: CommitRow, change: Renamed, skipped: BitMap, *, new: NewTags
) -> list[Change]:
    """The tag's row is renamed where that concerns just these images; else they move to the tag of the old name."""
    mine = row.candidates(change.images, change.after)
    free = mine - row.by_others(change.before, change.after)
    (old, now) = store.tags.ids_of([change.before, change.after])
    free = BitMap() if now is None else free & store.bitmaps.of(now)
    if old is not None:
        free = free - store.bitmaps.of(old)
    skipped |= mine - free
    if not free or now is None:
        return []
    if old is None and free == store.bitmaps.of(now):
        return [Renamed(now, change.after, change.before, free)]
    old = new.id_of(change.before, store.tags.get([now])[0].cls) if old is None else old
    return [TagMoved(now, old, free, BitMap())]


def _reverted_captions(row: CommitRow, change: CaptionsReplaced, skipped: BitMap) -> list[Change]:
    mine = row.candidates(change.images, CAPTION)
    free = mine - row.by_others(CAPTION)
    skipped |= mine - free
    triples = zip(change.images, change.before, change.after, strict=True)
    some = [(before, after) for image, before, after in triples if image in free]
    return (
        [CaptionsReplaced(free, tuple(now for _, now in some), tuple(old for old, _ in some))] if free else []
    )


def _reverted_flag(row: CommitRow, flag: int, gained: BitMap, lost: BitMap, skipped: BitMap) -> list[Change]:
    mine = row.candidates(gained | lost, MARK)
    free = mine - row.by_others(MARK)
    skipped |= mine - free
    return [FlagChange(flag, lost & free, gained & free)] if free else []


def _reverted_classes(row: CommitRow, change: Classed, skipped: BitMap) -> list[Change]:
    mine = row.candidates(BitMap(change.tags), CLASS)
    free = mine - row.by_others(CLASS)
    skipped |= mine - free
    some = [each for each in zip(change.tags, change.before, change.after, strict=True) if each[0] in free]
    if not some:
        return []
    tags, before, after = zip(*some, strict=True)
    return [Classed(tags, after, before)]


def _reverted_tag_lists(
    store: Store, row: CommitRow, change: TagsReplaced, skipped: BitMap, *, new: NewTags
) -> list[Change]:
    rows = list(zip(change.images, change.before, change.after, strict=True))
    rest, changed = _renamed_since(change, row.names.renamed()), BitMap()
    if row.touched():
        changed = row.touched_images(key for key in (*row.others, *row.newer) if is_of_tags(key))
        now = dict(texts.blobs(store, change.images))
        # a name that went and came back may have come back as another tag
        rest |= BitMap(image for image, _, after in rows if now[image] != after)
        rest |= change.images & changed
    plain = [each for each in rows if each[0] not in rest] if rest else rows
    back: list[Change] = [_replaced(plain)] if plain else []
    if rest:
        some = {image: (before, after) for image, before, after in rows if image in rest}
        again = _merged(store, row, some, changed, skipped)
        back += [_replaced(_packed(store, again, new))] if again else []
    return back


def _packed(
    store: Store, rows: Sequence[tuple[int, Sequence[str], bytes]], new: NewTags
) -> list[tuple[int, bytes, bytes]]:
    """(image, tags as stored, what is) of (image, tags by name, what is)."""
    names = [name for _, tags, _ in rows for name in tags]
    counts = np.array([len(tags) for _, tags, _ in rows])
    blobs = encode_many(new.ids_of(names, store.tags.ids_by_name(names)), counts)
    return [(image, blob, now) for (image, _, now), blob in zip(rows, blobs, strict=True)]


def _renamed_since(change: TagsReplaced, tags: Sequence[int]) -> BitMap:
    """Images with any of these tags before or after the change."""
    found = BitMap()
    for blobs in (change.before, change.after) if tags else ():
        values, counts = decode_many(blobs)
        owners = np.repeat(id_array(change.images), counts)
        found |= of_array(np.unique(owners[np.isin(values, tags)]))
    return found


def _replaced(rows: Sequence[tuple[int, bytes, bytes]]) -> TagsReplaced:
    """Rows of (image, what shall be, what is)."""
    images, after, before = zip(*rows, strict=True)
    return TagsReplaced(BitMap(images), before, after)


def _merged(
    store: Store, row: CommitRow, rows: dict[int, tuple[bytes, bytes]], changed: BitMap, skipped: BitMap
) -> list[tuple[int, Sequence[str], bytes]]:
    """(image, tags that shall be, what is) of images that are not simply given back what they had.

    An order is put back only where nothing else of an image's tags was `changed` since.
    """
    now_names = Names(store.tags)
    found: list[tuple[int, Sequence[str], bytes]] = []
    for image, blob in texts.blobs(store, BitMap(rows)):
        before, after = (varint.unpack(each) for each in rows[image])
        old, new, now = row.names.of(before), row.names.of(after), now_names.of(varint.unpack(blob))
        did = {*(set(old) ^ set(new)), *([ORDER] if reordered(before, after) else [])}
        mine = {key for key in did if image not in row.newer.get(key, ())}
        whole = image not in changed and now == new
        free = {key for key in mine if image not in row.others.get(key, ()) and (whole or key != ORDER)}
        if free != mine:
            skipped.add(image)
        shall = old if whole else merged_tags(old, new, now, did - free)
        if shall != now:
            found.append((image, shall, blob))
    return found
