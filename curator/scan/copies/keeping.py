"""Copies of one image that stay and go, and the words that the one kept takes over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyroaring import BitMap

from curator.contract.text import counted
from curator.index.changes.changes import id_array
from curator.index.changes.edits import Annotations, Edit, EditGroup, Rewrite, SetMark
from curator.index.sets.bitmaps import Flag
from curator.index.tags.tag_names import each_once, folded
from curator.scan.copies.duplicates import Group, ranking

if TYPE_CHECKING:
    from curator.index.collection import Collection

_READ = 5000


@dataclass(frozen=True)
class CopyResolution:
    """What becomes of copies, as one `edit` of `images`: of those `rejected`, and of those that are `told` words."""

    rejected: BitMap
    annotated: BitMap
    edit: Edit
    images: BitMap


def keep_best(
    collection: Collection, groups: Sequence[Group], best: str = "size", *, carry_annotations: bool = False
) -> CopyResolution:
    """Of every group the best stays, by marks of now, and all that a person marked to keep; the others go.

    A group whose images are all rejected is left as it is. With `carry_annotations`, the best gets the tags of the
    others behind its own, and a caption where it has none.
    """
    with collection.reading():
        there = BitMap(image for group in groups for image in _images(group)) & collection.images.alive()
        members = id_array(there).astype(np.int64)
        order = members[ranking(collection, members, best)].tolist()
        places = {image: place for place, image in enumerate(order)}
        gone = collection.bitmaps.of(Flag.REJECT)
        left = (
            sorted(filter(places.__contains__, _images(group)), key=places.__getitem__) for group in groups
        )
        return _resolution(
            collection, [each for each in left if each and each[0] not in gone], carry_annotations
        )


def keep_chosen(
    collection: Collection, group: Group, kept: int, *, carry_annotations: bool = False
) -> CopyResolution:
    """As `keep_best`, but the image `kept` stays; it loses the mark of a rejected one."""
    with collection.reading():
        others = [image for image in _images(group) if image != kept]
        return _resolution(collection, [[kept, *others]], carry_annotations)


def _images(group: Group) -> list[int]:
    return [group.best, *(copy.image for copy in group.copies)]


def _resolution(
    collection: Collection, groups: Sequence[Sequence[int]], carry_annotations: bool
) -> CopyResolution:
    """The first of each group stays."""
    keep, gone = collection.bitmaps.of(Flag.KEEP), collection.bitmaps.of(Flag.REJECT)
    rejected = BitMap(image for group in groups for image in group[1:]) - keep - gone
    unmarked = BitMap(group[0] for group in groups) & gone
    annotations = tuple(_merged(collection, groups)) if carry_annotations else ()
    annotated = BitMap(each.image for each in annotations)
    parts: list[tuple[Edit, BitMap]] = [(SetMark(-1), rejected)]
    parts += [(SetMark(0), unmarked)] if unmarked else []
    parts += [(Rewrite(annotations), annotated)] if annotations else []
    images = BitMap().union(*(some for _, some in parts))
    what = f"keep the best, reject {counted(len(rejected))}"
    edit = EditGroup(tuple(parts), what) if len(parts) > 1 else parts[0][0]
    return CopyResolution(rejected, annotated, edit, images)


def _merged(collection: Collection, groups: Sequence[Sequence[int]]) -> Iterator[Annotations]:
    """The words of the first of each group with those of the others; where a person kept another, that has its own."""
    keep = collection.bitmaps.of(Flag.KEEP)
    for at in range(0, len(groups), _READ):
        some = [
            [group[0], *(image for image in group[1:] if image not in keep)]
            for group in groups[at : at + _READ]
        ]
        images = [image for group in some for image in group]
        tags = dict(zip(images, collection.tag_names(images), strict=True))
        captions = collection.captions(images)
        for group in some:
            first = group[0]
            known = set(map(folded, tags[first]))
            others = each_once(tag for image in group[1:] for tag in tags[image])
            more = tuple(tag for tag in others if folded(tag) not in known)
            caption = next((captions[image] for image in group if image in captions), None)
            is_told = caption is not None and first not in captions
            if more or is_told:
                yield Annotations(
                    first, (*tags[first], *more) if more else None, caption if is_told else None
                )
