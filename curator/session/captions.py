"""Captions as they will be trained."""

from __future__ import annotations

from collections.abc import Sequence

from curator.index.collection import Collection


class Captions:
    """Captions as they will be trained."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def of_images(
        self, images: Sequence[int], epochs: range, seed: int = 0, step: int | None = None
    ) -> dict[int, list[str]]:
        """The captions of pictures in `epochs`, each as if its id were its row; those in no subset are left out."""
        from curator.freeze.captions import captions_of

        return captions_of(self._collection, images, epochs, seed, step)
