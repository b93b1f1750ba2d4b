"""Thumbnails of a collection's images and of its runs' samples, made once and kept on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported by the calls that need it: the app's first screen waits for no decoder
    from PIL.Image import Image

    from curator.index.images.images import ImageRow
    from curator.scan.thumbnails import Thumbnails as Kept


class Thumbnails:
    """Thumbnails of a collection's images and of its runs' samples. Calls may come from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: Kept | None = None

    def of_image(self, row: ImageRow) -> Image:
        """A small copy of an image, upright and on white.

        Raises:
            OSError: its file is gone or cannot be read.
            Exception: whatever a decoder makes of a broken file.
        """
        from curator.scan.thumbnails import Content

        content = Content(row.sha256, row.file_bytes, row.mtime_ns)
        return self._thumbnails().of_image(Path(row.root, row.path), content)

    def of_file(self, path: Path) -> Image:
        """A small copy of a file that is no image of the collection; raises as `of_image` does."""
        return self._thumbnails().of_file(path)

    def _thumbnails(self) -> Kept:
        if self._kept is None:
            from curator.scan.thumbnails import Thumbnails as Kept

            self._kept = Kept(self._folder)
        return self._kept
