"""What a subset would overfit to: what comes with its trigger, and what it shows again and again or never (B22).

A trigger means all that is on most of its images: a shirt that is never off becomes a part of the character. Captions
and images that repeat are learnt by heart. A view that no image shows cannot be asked for later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pyroaring import BitMap

from curator.contract.errors import UserError
from curator.contract.text import counted, visible
from curator.filter.language.tokens import in_quotes
from curator.freeze.checks.finding import Finding
from curator.index.changes.changes import id_array
from curator.index.tags.tag_names import folded
from curator.scan.copies.duplicates import find_groups
from curator.tags.patterns import any_of
from curator.tags.tables import tables_of

if TYPE_CHECKING:
    from curator.freeze.checks.finding import PictureFilters
    from curator.index.tags.tag import Tag

Kind = Literal["tag", "caption", "copy", "view"]

_FEWEST = 8  # images of a subset of which anything is said
_LOOKED_AT = 20_000  # images whose captions and copies are compared: an even sample of more
_NEAR_BITS = 6  # of 64, as 'frieze dupes --near' is usually asked
_MOST = 12  # repeated captions and groups of copies that are told one by one
_NAMED = 4  # in the words of a finding


@dataclass(frozen=True)
class Overfit:
    """One thing a training on `looked_at` images would overfit to.

    `what` is a tag, a caption, the best of a group of copies as a path, or a view's tag. `images` are those that show
    it; of a missing view there are none.
    """

    kind: Kind
    what: str
    images: BitMap
    looked_at: int
    filter: str

    @property
    def share(self) -> float:
        """Of the images, 0 to 1."""
        return len(self.images) / self.looked_at


def overfits(
    filters: PictureFilters, number: int, table: Mapping[str, Any], share: float | None = None
) -> list[Overfit]:
    """What training on subset `number` would overfit to, by the table `overfit`: what is on most images first.

    Tags count from `share` of the images on, that of the table where None. Of fewer than 8 images nothing is said.

    Raises:
        UserError: a share that is none.
    """
    least = table["share"] if share is None else share
    if not 0 < least <= 1:
        raise UserError(f"a share of the images is {least:g}", "give one above 0 and up to 1, such as 0.8")
    own = filters.members.trained_of(number)
    if len(own) < _FEWEST:
        return []
    looked_at = _even(own)
    return [
        *_tags(filters, number, own, table, least),
        *_captions(filters, number, looked_at),
        *_copies(filters, looked_at),
        *_views(filters, own, table["views"]),
    ]


def overfit_findings(filters: PictureFilters) -> Iterator[Finding]:
    """Findings of each subset with a trigger: one about its tags, one about captions, copies and views each."""
    table = tables_of(filters.collection)["overfit"]
    for number, subset in enumerate(filters.spec.subsets):
        if subset.is_reg or not subset.rules.trigger:
            continue
        found = overfits(filters, number, table)
        for kind, say in _WORDS.items():
            some = [each for each in found if each.kind == kind]
            if some:
                images = BitMap.union(BitMap(), *(each.images for each in some))
                what, hint = say(some, len(images))
                yield Finding("warn", f"subset {subset.name}: {what}", hint, filters.of(images))


def _tags(
    filters: PictureFilters, number: int, own: BitMap, table: Mapping[str, Any], share: float
) -> Iterator[Overfit]:
    """General tags on so large a share of the images, but for those that count people and those that are spared."""
    reader, collection = filters.reader, filters.collection
    counts = reader.tag_counts(own, len(collection.tags.counts()))
    common = np.flatnonzero(counts >= max(1, share * len(own)))
    spared = any_of([*table["spared"]])
    people = {folded(name) for name in tables_of(collection)["count"]["tags"]}
    trigger = folded(filters.spec.subsets[number].rules.trigger)

    def says_nothing_new(tag: Tag) -> bool:
        key = folded(tag.name)
        is_spared = spared is not None and spared.fullmatch(tag.name) is not None
        return tag.cls != "general" or key in people or key == trigger or is_spared

    tags = [tag for tag in collection.tags.get(common.tolist()) if not says_nothing_new(tag)]
    for tag in sorted(tags, key=lambda tag: -int(counts[tag.id])):
        images = BitMap(collection.bitmaps.of(tag.id)) & own
        named = filters.among(filters.members_of(number), images, in_quotes(tag.name))
        yield Overfit("tag", tag.name, images, len(own), named)


def _captions(filters: PictureFilters, number: int, some: Sequence[int]) -> Iterator[Overfit]:
    """Captions that several images share, whatever the order of their tags; the most common first."""
    collection = filters.collection
    texts = collection.captions(some)
    said: dict[tuple[frozenset[int], str], list[int]] = {}
    for image, tags in zip(some, collection.images.tag_lists(some), strict=True):
        if tags or image in texts:
            said.setdefault((frozenset(tags), texts.get(image, "")), []).append(image)
    shared = sorted((ids for ids in said.values() if len(ids) > 1), key=lambda ids: (-len(ids), ids[0]))
    rules = filters.spec.subsets[number].rules
    for ids in shared[:_MOST]:
        (tags,) = collection.tag_names(ids[:1])
        words = ", ".join(filter(None, (rules.trigger, *tags, texts.get(ids[0], ""))))
        yield Overfit("caption", words, BitMap(ids), len(some), filters.of(BitMap(ids)))


def _copies(filters: PictureFilters, some: Sequence[int]) -> Iterator[Overfit]:
    """Images of equal content, and those that look alike as far as they were fingerprinted."""
    groups = find_groups(filters.collection, some, _NEAR_BITS)
    groups.sort(key=lambda group: (-len(group.copies), group.best))
    for group in groups[:_MOST]:
        images = BitMap([group.best, *(copy.image for copy in group.copies)])
        (row,) = filters.collection.rows([group.best])
        yield Overfit("copy", row.path, images, len(some), filters.of(images))


def _views(filters: PictureFilters, own: BitMap, views: Sequence[str]) -> Iterator[Overfit]:
    """Views that no image shows, where half the images say how they are seen."""
    collection = filters.collection
    seen = {
        view: BitMap().union(*(collection.bitmaps.of(tag) for tag in collection.tags.alike(view))) & own
        for view in views
    }
    if 2 * len(BitMap().union(*seen.values())) < len(own):
        return
    for view, images in seen.items():
        if not images:
            yield Overfit("view", view, BitMap(), len(own), "")


def _even(images: BitMap) -> list[int]:
    ids = id_array(images)
    if len(ids) > _LOOKED_AT:
        ids = ids[np.linspace(0, len(ids) - 1, _LOOKED_AT).astype(np.int64)]
    return ids.tolist()


def _say_tags(found: Sequence[Overfit], _: int) -> tuple[str, str]:
    told = ", ".join(f"{visible(each.what)} {each.share:.0%}" for each in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    what = f"the trigger will mean {told}{more} too"
    return what, "add images without, or take the tags out of the captions if the trigger shall mean them"


def _say_captions(_: Sequence[Overfit], images: int) -> tuple[str, str]:
    return (
        f"{counted(images, 'image shares', 'images share')} their whole caption with others",
        "tag what differs between them: what no word tells apart is learnt with the trigger",
    )


def _say_copies(found: Sequence[Overfit], images: int) -> tuple[str, str]:
    what = f"{counted(images)} show {counted(len(found), 'picture', 'pictures')}"
    return f"{what}, which will be learnt by heart", "'frieze dupes --near 6 --mark' keeps the best of each"


def _say_views(found: Sequence[Overfit], _: int) -> tuple[str, str]:
    told = ", ".join(visible(each.what) for each in found)
    return f"no image is seen as: {told}", "add some, or do not expect what was trained to show it so"


_WORDS = {"tag": _say_tags, "caption": _say_captions, "copy": _say_copies, "view": _say_views}
