"""One-word fields: marks, what an image has, formats, buckets, contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.arrays import np
from curator.index.images.images import FORMATS
from curator.index.sets.bitmaps import Flag, of_array
from curator.index.tables.metadata import RATINGS

if TYPE_CHECKING:
    from curator.filter.language.tree import WordTerm
    from curator.filter.numbers import Numbers
    from curator.index.collection import Collection


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
    """By the very rule the freeze uses."""
    from curator.index.bucket_rule import bucket_rule
    from curator.placement.buckets import buckets_of

    rule = bucket_rule(collection)
    placed = buckets_of(collection.columns.of("width"), collection.columns.of("height"), rule)
    number = placed.sizes.index(bucket) if bucket in placed.sizes else None
    return BitMap() if number is None else _where(placed.of_image == number)


def _where(fits: Numbers) -> BitMap:
    return of_array(np.flatnonzero(fits))
