"""Decides which images a one-word field names: marks, what an image has, formats, buckets, contents."""

from __future__ import annotations

import numpy as np
from pyroaring import BitMap

from curator.contract.buckets import BucketRule, place
from curator.filter.numbers import Numbers
from curator.filter.tree import WordTerm
from curator.index.bitmaps import Flag, of_array
from curator.index.collection import Collection
from curator.index.images import FORMATS
from curator.index.metadata import RATINGS


def images_of_word(collection: Collection, term: WordTerm) -> BitMap:
    """Images for which `field:value` holds; `subset:` is evaluated by the walk itself."""
    match term.field:
        case "mark":
            return _marked(collection, term.value)
        case "has":
            has_caption = collection.bitmaps.of(Flag.CAPTIONED)
            return has_caption if term.value == "caption" else _where(collection.columns.of("tags_count") > 0)
        case "format":
            return _where(collection.columns.of("format") == FORMATS.index(term.value))
        case "sha":
            return collection.images.with_sha_prefix(term.value)
        case _:
            width, height = term.value.split("x")
            return _in_bucket(collection, (int(width), int(height)))


def images_rated(collection: Collection, rating: str) -> BitMap:
    """Images whose post has this rating; `none` are those with no rating known."""
    wanted = "" if rating == "none" else rating
    if wanted not in RATINGS:
        return BitMap()
    ratings = collection.metadata.of("rating", len(collection.columns.of("width")))
    found = _where(ratings == RATINGS.index(wanted))
    if wanted:
        return found
    tagged = (collection.bitmaps.of(tag) for tag in collection.tags.of_class("rating"))
    return (found & collection.images.alive()) - BitMap().union(*tagged)


def _marked(collection: Collection, value: str) -> BitMap:
    keep, reject = collection.bitmaps.of(Flag.KEEP), collection.bitmaps.of(Flag.REJECT)
    return {"keep": keep, "reject": reject}.get(value) or (
        collection.images.alive() - keep - reject if value == "none" else BitMap()
    )


def _in_bucket(collection: Collection, bucket: tuple[int, int]) -> BitMap:
    """Each size that occurs is placed once, by the very function the freeze uses."""
    rule = BucketRule(**collection.settings.get("bucket_rule", {}))
    width, height = collection.columns.of("width"), collection.columns.of("height")
    sizes, which = np.unique(width.astype(np.uint64) << np.uint64(32) | height, return_inverse=True)
    fits = [
        side_a > 0 and side_b > 0 and place((side_a, side_b), rule).bucket == bucket
        for side_a, side_b in ((size >> 32, size & 0xFFFFFFFF) for size in sizes.tolist())
    ]
    return _where(np.array(fits, bool)[which])


def _where(fits: Numbers) -> BitMap:
    return of_array(np.flatnonzero(fits))
