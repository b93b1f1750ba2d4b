"""The images that a filter names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.filter.result import Result

if TYPE_CHECKING:
    from pyroaring import BitMap

    from curator.filter.cancel import Cancel
    from curator.index.collection import Collection


def select(
    collection: Collection, text: str = "", cancel: Cancel | None = None, among: BitMap | None = None
) -> Result:
    """The images that `text` names, of all or of those `among`; every one where it is empty.

    `Cancelled` once `cancel` says so.
    """
    if not text:  # the app's first page: what reads filters is not even loaded for it
        with collection.reading():
            alive = collection.images.alive()
            return Result(alive if among is None else alive & among)
    from curator.filter.language.parse import parse
    from curator.filter.walk import select_parsed

    with collection.reading():
        query = parse(text, collection.tags.classes())
    return select_parsed(collection, query, cancel, among)
