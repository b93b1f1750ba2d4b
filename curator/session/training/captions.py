"""Captions as they will be trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for none of it
    from curator.contract.recipe.recipe import Recipe
    from curator.freeze.caption_walk import CaptionWalk, Showing
    from curator.index.collection import Collection


class Captions:
    """Captions as they will be trained."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    @staticmethod
    def walk(manifest: Path, recipe: Recipe) -> CaptionWalk:
        """All steps of a training that a recipe would do on a manifest, which `walk.manifest.close()` closes.

        Raises:
            UserError: no manifest, or a damaged one; a recipe that trains on nothing.
        """
        from curator.contract.manifest.manifest import open_manifest
        from curator.freeze.caption_walk import CaptionWalk

        opened = open_manifest(manifest)
        try:
            return CaptionWalk(opened, recipe)
        except BaseException:
            opened.close()
            raise

    @staticmethod
    def showings(
        manifest: Path, file: Path, epochs: range, recipe: Recipe, is_cancelled: Callable[[], bool]
    ) -> tuple[int, list[Showing]] | None:
        """The manifest row of an image's file and every showing of it in `epochs`; None where it has no row."""
        from curator.contract.manifest.manifest import open_manifest
        from curator.freeze.caption_walk import row_of, showings

        with open_manifest(manifest) as opened:
            row = row_of(opened, file, is_cancelled)
            return None if row is None else (row, list(showings(opened, row, epochs, recipe)))

    def of_images(
        self, images: Sequence[int], epochs: range, seed: int = 0, step: int | None = None
    ) -> dict[int, list[str]]:
        """The captions of images in `epochs`, each as if its id were its row; those in no subset are left out."""
        from curator.freeze.captions import captions_of

        return captions_of(self._collection, images, epochs, seed, step)
