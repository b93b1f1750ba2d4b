"""The images of a collection as candidates of a pick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from curator.filter.evaluate import select
from curator.filter.language.fields import is_score, score_name
from curator.index.sets.bitmaps import of_array

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.select.pool import Ids, Mask


class Images:
    """The living images of a collection, or those `among` them, inside one snapshot.

    `unknown_tags` are the terms of the filters asked for that no tag fits.
    """

    def __init__(self, collection: Collection, among: BitMap | None = None) -> None:
        self._collection = collection
        self._length = len(collection.columns.of("width"))
        self._among = among
        alive = collection.images.alive()
        self.ids: Ids = np.array((alive if among is None else alive & among).to_array(), np.uint32)
        self.unknown_tags: list[str] = []
        self.before: tuple[tuple[str, int], ...] = ()

    def without_image(self) -> tuple[()]:
        return ()

    def numbers(self) -> NDArray[np.int64]:
        """Post numbers; where no post is known, the image's own number."""
        posts = self._collection.metadata.of("post", self._length)
        return np.where(posts < 0, np.arange(len(posts)), posts).astype(np.int64)

    def values(self, name: str) -> NDArray[np.float64]:
        if is_score(name):
            return self._collection.scores.of(score_name(name), self._length)
        return self._collection.metadata.floats(name, self._length)

    def matching(self, text: str) -> Mask:
        found = select(self._collection, text, among=self._among)
        self.unknown_tags += found.unknown_tags
        return self._mask(found.bitmap())

    def with_any(self, tags: tuple[str, ...]) -> Mask:
        index = self._collection
        numbers = {tag for name in tags for tag in index.tags.alike(name)}
        return self._mask(BitMap().union(*(index.bitmaps.of(tag) for tag in numbers)))

    def tags_of_class(self, cls: str, ids: Ids) -> dict[int, list[int]]:
        index, inside = self._collection, of_array(ids)
        groups: dict[int, list[int]] = {}
        for tag in index.tags.of_class(cls):
            for image in index.bitmaps.of(tag) & inside:
                groups.setdefault(image, []).append(tag)
        return groups

    def _mask(self, images: BitMap) -> Mask:
        mask = np.zeros(max(self._length, int(self.ids.max(initial=0)) + 1), bool)
        mask[np.array((images & of_array(self.ids)).to_array(), np.int64)] = True
        return mask
