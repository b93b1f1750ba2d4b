"""Images in which a weight bracket spans several tags, which no shuffle or dropout may split (S025).

Commas part tags, so `(red hair, smile:1.2)` is the two tags `(red hair` and `smile:1.2)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.contract.caption.captions import CaptionRules, split_caption
from curator.contract.caption.prompt_weights import open_ends, spanning

if TYPE_CHECKING:
    from curator.index.collection import Collection

_READ = 2000


def images_with_split_brackets(
    collection: Collection, images: BitMap, rules: CaptionRules
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(image, the tags of the bracket) where some of these may move.

    Only images with a tag that opens a bracket and a tag that closes one are read.
    """
    with collection.reading():
        ends = {tag: open_ends(name) for tag, name in collection.tags.holding("()[]")}
        opening = (collection.bitmaps.of(tag) for tag, (_, opens) in ends.items() if opens)
        closing = (collection.bitmaps.of(tag) for tag, (closes, _) in ends.items() if closes)
        found = images & BitMap().union(*opening) & BitMap().union(*closing)
    ids = found.to_array().tolist()
    for at in range(0, len(ids), _READ):
        some = ids[at : at + _READ]
        for image, tags in zip(some, collection.tag_names(some), strict=True):
            over = spanning(tags)
            if over and not {*split_caption(tags, "", rules).middle}.isdisjoint(over):
                yield image, over
