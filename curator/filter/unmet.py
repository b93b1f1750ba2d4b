"""Parts of a filter that one image does not meet, as they would be typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.filter.language.parse import parse
from curator.filter.language.shown import parts_of, shown
from curator.filter.language.tree import Filter
from curator.filter.walk import select_parsed

if TYPE_CHECKING:
    from curator.index.collection import Collection


def unmet_parts(collection: Collection, text: str, image: int) -> list[str]:
    """Of the parts that must all hold, those that do not; none where only a limit leaves the image out."""
    query = parse(text, collection.tags.classes())
    only = BitMap([image])
    return [
        shown(part)
        for part in parts_of(query.where)
        if not only.intersect(select_parsed(collection, Filter(query.text, part)).bitmap())
    ]
