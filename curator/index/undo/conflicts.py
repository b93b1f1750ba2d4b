"""Conflicts between changes: when two commits changed the same thing.

That is: a tag on an image; its order, caption, mark; a tag's class; a value of a record of a small table.

A tag's id may carry another name than when a row of the journal was written, so rows are compared by the names of
their time. `Names` walks back with whoever reads the journal from its newest row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.contract import varint
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
)
from curator.index.changes.records import Key, independent_changes, unpacked

if TYPE_CHECKING:
    from curator.index.tags.tag_table import TagTable

# no tag's name holds a line break
ORDER, CAPTION, MARK, CLASS = "\norder", "\ncaption", "\nmark", "\nclass"
_RECORD = "\nrecord\n"
_ONCE = BitMap([0])  # an image that no collection has: under the key of a record there are no images to name
Touches = dict[str, BitMap]  # images by tag name, ORDER, CAPTION or MARK; under CLASS the ids of tags


class Names:
    """What tags were called at a moment: now, until it is told of a rename that was not yet made then."""

    def __init__(self, tags: TagTable, once: Mapping[int, str] | None = None) -> None:
        self._tags = tags
        self._earlier = dict(once or {})
        self._now: dict[int, str] = {}

    def copy(self) -> Names:
        """The same moment, however far this one goes back."""
        return Names(self._tags, self._earlier)

    def go_back_before(self, renamed: Renamed) -> None:
        """Go back behind a rename."""
        self._earlier[renamed.tag] = renamed.before

    def renamed(self) -> list[int]:
        """Tags that were called otherwise than now, perhaps."""
        return list(self._earlier)

    def of(self, tags: Iterable[int]) -> list[str]:
        """The names of tags."""
        wanted = list(tags)
        unknown = list({tag for tag in wanted if tag not in self._earlier and tag not in self._now})
        self._now.update((tag.id, tag.name) for tag in self._tags.get(unknown))
        return [self._earlier[tag] if tag in self._earlier else self._now[tag] for tag in wanted]

    def one(self, tag: int) -> str:
        """The name of a tag."""
        return self.of([tag])[0]


def touches_of(
    changes: Sequence[Change], names: Names, within: BitMap, tags: Set[int] | None = None
) -> Touches:
    """What the changes of one row did to images `within`; `names` goes back behind the row.

    With `tags` only these are looked at: right where no tag was renamed since.
    """
    found: Touches = {}
    for change in reversed(changes):
        for key, images in _of_change(change, names, within, tags):
            near = images if key == CLASS or key.startswith(_RECORD) else images & within
            if near:
                found[key] = found[key] | near if key in found else near
        if isinstance(change, Renamed):
            names.go_back_before(change)
    return found


def _of_change(
    change: Change, names: Names, within: BitMap, tags: Set[int] | None
) -> Iterable[tuple[str, BitMap]]:
    match change:
        case TagChange(tag, images, _, _):
            return [(names.one(tag), images)] if tags is None or tag in tags else []
        case TagMoved(old, new, images, both):
            return [(names.one(old), images), (names.one(new), images - both)]
        case TagsReplaced():
            return _of_rows(change, names, within, tags)
        case CaptionsReplaced(images, _, _):
            return [(CAPTION, images)]
        case FlagChange(_, gained, lost):
            return [(MARK, gained | lost)]
        case Renamed(_, before, after, images):
            return [(before, images), (after, images)]
        case Classed(classed, _, _):
            return [(CLASS, BitMap(classed))]
        case RecordChanged():
            return [(key, _ONCE) for key in record_keys(change)]
        case Arrived() | FilesSeen():
            return []


def record_key(table: str, key: Key, *path: str) -> str:
    """A record, or the value at a path of it; what lies in it has a key that begins so."""
    return _RECORD + "".join(f"{json.dumps(part)}\n" for part in (table, key, *path))


def record_keys(change: RecordChanged) -> list[str]:
    """What a change of a record touches: the whole of it where it came or went, else the values that differ."""
    before, after = unpacked(change.before), unpacked(change.after)
    key = (change.table, change.key)
    paths = [()] if before is None or after is None else independent_changes(*key, before, after)
    return [record_key(*key, *path) for path in paths]


def is_of_tags(key: str) -> bool:
    """Whether a key of touches is a tag or the order of tags."""
    return key not in (CAPTION, MARK, CLASS) and not key.startswith(_RECORD)


def _of_rows(
    change: TagsReplaced, names: Names, within: BitMap, tags: Set[int] | None
) -> list[tuple[str, BitMap]]:
    if not change.images.intersect(within):
        return []
    by_tag: dict[int, list[int]] = {}
    ordered: list[int] = []
    for image, before, after in zip(change.images, change.before, change.after, strict=True):
        if image in within:
            old, new = varint.unpack(before), varint.unpack(after)
            differ = set(old) ^ set(new)
            for tag in differ if tags is None else differ & tags:
                by_tag.setdefault(tag, []).append(image)
            if tags is None and reordered(old, new):
                ordered.append(image)
    found = zip(names.of(by_tag), map(BitMap, by_tag.values()), strict=True)
    return [*found, (ORDER, BitMap(ordered))]


def reordered(before: Sequence[object], after: Sequence[object]) -> bool:
    """Whether tags that stayed stand in another order."""
    stayed = set(before) & set(after)
    return [tag for tag in before if tag in stayed] != [tag for tag in after if tag in stayed]


def symmetric_difference(one: Touches, other: Touches) -> Touches:
    """What was touched by one of two rows of a commit, not by both: what was done and undone is as before."""
    found = {key: images ^ other[key] if key in other else images for key, images in one.items()}
    return {**{key: images for key, images in other.items() if key not in one}, **found}


def union(touches: Iterable[Touches]) -> Touches:
    """What was touched by any."""
    lists: dict[str, list[BitMap]] = {}
    for each in touches:
        for key, images in each.items():
            lists.setdefault(key, []).append(images)
    return {key: BitMap().union(*images) for key, images in lists.items()}
