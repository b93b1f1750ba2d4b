"""The plan of an edit: which images, which tags, at which positions really change. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.contract import varint
from curator.contract.errors import UserError
from curator.index.changes.changes import (
    CaptionsReplaced,
    Change,
    ChangeSet,
    Classed,
    FlagChange,
    Renamed,
    TagChange,
    TagMoved,
    TagsReplaced,
    id_array,
    rows_of,
    touched,
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
from curator.index.editing.describe import describe
from curator.index.sets.bitmaps import Flag
from curator.index.tags.new_tags import NewTags
from curator.index.tags.tag_blob import encode_many
from curator.index.tags.tag_names import each_once, folded

if TYPE_CHECKING:
    from curator.index.editing.snapshot import Snapshot
    from curator.index.tags.tag_table import Tag


def plan(edit: Edit, known: Snapshot) -> ChangeSet:
    """The changes of `edit` on the images of a snapshot; none where there is nothing to do.

    Raises:
        UserError: the edit cannot be made of these images.
    """
    new = NewTags(known.first_free)
    changes = tuple(_changes(edit, known, new))
    return ChangeSet(describe(edit), changes, new.all())


def images_to_change(edit: Edit, known: Snapshot) -> BitMap:
    """Those images of a snapshot that the plan of `edit` changes."""
    return touched(plan(edit, known).changes) & known.images


def _changes(edit: Edit, known: Snapshot, new: NewTags) -> list[Change]:
    match edit:
        case EditGroup(parts):
            each = zip(parts, known.parts, strict=True)
            return [change for (part, _), own in each for change in _changes(part, own, new)]
        case SetCaption(text):
            return _caption(dict.fromkeys(known.captions, text), known)
        case SetMark(mark):
            return _mark(mark, known)
        case SetClass(names, cls):
            return _classify(names, cls, known)
        case Rewrite():
            return _rewrite(edit, known, new)
        case ReorderTags(names):
            return _reorder(names, known)
        case _:
            return _of_tags(edit, known, new)


def _of_tags(
    edit: AddTags | RemoveTags | AddAndRemoveTags | RenameTag, known: Snapshot, new: NewTags
) -> list[Change]:
    images = known.images
    match edit:
        case AddTags(names, at):
            return _add([(name, images) for name in each_once(names)], at, known, new)
        case RemoveTags(names):
            return _remove(each_once(names), images, known)
        case AddAndRemoveTags(given, taken, at):
            gone = [each for name, some in taken for each in _remove([name], some & images, known)]
            return [*gone, *_add([(name, some & images) for name, some in given], at, known, new)]
        case RenameTag(old, name):
            return _rename(old, name, known, new)


def _add(wanted: Sequence[tuple[str, BitMap]], at: Place, known: Snapshot, new: NewTags) -> list[Change]:
    """Tags for images that lack them; at a place, in the order given."""
    everyone = BitMap().union(*(some for _, some in wanted))
    if not everyone:
        return []
    ids = id_array(everyone)
    base = None
    if at == "start":
        base = np.zeros(len(ids), np.int64)
    elif at != "end":
        base = np.minimum(max(0, at), known.tag_counts[ids].astype(np.int64))
    changes: list[Change] = []
    for name, some in wanted:
        spelled = known.spellings[name]
        missing = some - _having_any(spelled, known)
        if not missing:
            continue
        tag = spelled[0].id if spelled else new.id_of(name)
        places = None
        if base is not None:
            where = rows_of(everyone, missing)
            places = base[where].astype("<u4").tobytes()
            base[where] += 1
        changes.append(TagChange(tag, missing, True, places))
    return changes


def _remove(names: Iterable[str], images: BitMap, known: Snapshot) -> list[Change]:
    tags = (tag.id for name in names for tag in known.spellings[name])
    having = ((tag, images & known.bitmaps[tag]) for tag in tags)
    return [TagChange(tag, some, False) for tag, some in having if some]


def _having_any(tags: Sequence[Tag], known: Snapshot) -> BitMap:
    """The images that have a tag, in whatever spelling."""
    return BitMap().union(*(known.bitmaps[tag.id] for tag in tags))


def _rename(old: str, name: str, known: Snapshot, new: NewTags) -> list[Change]:
    """A tag that gets another name gets it as the collection spells it; one only spelled anew, as it is written."""
    olds, news = known.spellings[old], known.spellings[name]
    if news and folded(old) != folded(name):
        name = news[0].name
    moves: list[tuple[Tag, BitMap]] = []
    for tag in olds:
        everyone = known.bitmaps[tag.id]
        having = known.images & everyone
        whole = not (everyone & known.alive) - known.images
        if having and tag.name != name:
            moves.append((tag, everyone if whole else having))
    if not moves:
        return []
    target = next((tag.id for tag in news if tag.name == name), None)
    (tag, some) = moves[0]
    if target is None and len(moves) == 1 and len(some) == len(known.bitmaps[tag.id]):
        return [Renamed(tag.id, tag.name, name, some)]
    if target is None:
        return _moved(new.id_of(name, tag.cls), BitMap(), moves)
    return _moved(target, known.bitmaps[target], moves)


def _moved(to: int, having: BitMap, moves: Sequence[tuple[Tag, BitMap]]) -> list[Change]:
    """What turns tags into another in place on some images each; one `having` it already only loses the old one."""
    changes: list[Change] = []
    for old, images in moves:
        changes.append(TagMoved(old.id, to, images, images & having))
        having = having | images
    return changes


def _reorder(names: Sequence[str], known: Snapshot) -> list[Change]:
    order = [known.ids[name] for name in names if name in known.ids]
    for image, row in known.tag_lists.items():
        if len(order) != len(names) or sorted(varint.unpack(row)) != sorted(order):
            what = f"image {image} does not have exactly these tags"
            raise UserError(what, "reload it, then order its tags")
    return _replaced(dict.fromkeys(known.tag_lists, varint.pack(order)), known)


def _replaced(wanted: Mapping[int, bytes], known: Snapshot) -> list[Change]:
    before = {image: old for image, old in known.tag_lists.items() if old != wanted[image]}
    after = tuple(wanted[image] for image in before)
    return [TagsReplaced(BitMap(before), tuple(before.values()), after)] if before else []


def _caption(wanted: Mapping[int, str], known: Snapshot) -> list[Change]:
    for text in set(wanted.values()):
        check_caption(text)
    before = {image: old for image, old in known.captions.items() if old != wanted[image]}
    after = tuple(wanted[image] for image in before)
    return [CaptionsReplaced(BitMap(before), tuple(before.values()), after)] if before else []


def _mark(mark: int, known: Snapshot) -> list[Change]:
    if mark not in (-1, 0, 1):
        raise UserError(f"{mark} is no mark", "1 keeps, -1 rejects, 0 takes the mark away")
    images, changes = known.images, list[Change]()
    for flag, value in ((Flag.KEEP, 1), (Flag.REJECT, -1)):
        now = known.bitmaps[flag]
        gained = images - now if mark == value else BitMap()
        lost = BitMap() if mark == value else images & now
        if gained or lost:
            changes.append(FlagChange(int(flag), gained, lost))
    return changes


def _classify(names: Sequence[str], cls: str, known: Snapshot) -> list[Change]:
    if not cls.strip() or any(not (c.isalnum() or c in "_-") for c in cls):
        raise UserError(f"'{cls}' is no class", "a class is one word, such as artist")
    found = [tag for name in each_once(names) for tag in known.spellings[name] if tag.cls != cls]
    if not found:
        return []
    return [Classed(tuple(tag.id for tag in found), tuple(tag.cls for tag in found), (cls,) * len(found))]


def _rewrite(edit: Rewrite, known: Snapshot, new: NewTags) -> list[Change]:
    given = [each for each in edit.annotations if each.image in known.images]
    tags = {each.image: each.tags for each in given if each.tags is not None}
    captions = {each.image: each.caption for each in given if each.caption is not None}
    return [*_replaced(_packed(tags, known, new), known), *_caption(captions, known)]


def _packed(wanted: Mapping[int, tuple[str, ...]], known: Snapshot, new: NewTags) -> dict[int, bytes]:
    """The tags of many images as they are stored, each tag once."""
    rows = [row if len({*row}) == len(row) else tuple(dict.fromkeys(row)) for row in wanted.values()]
    tags = new.ids_of(list(chain.from_iterable(rows)), known.ids)
    counts = np.fromiter(map(len, rows), np.int64, len(rows))
    return dict(zip(wanted, encode_many(tags, counts), strict=True))


def check_caption(text: str) -> None:
    """A caption is Unicode text."""
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text) or "\0" in text:
        raise UserError(f"the caption '{text[:60]}' holds a broken character", "remove it")
