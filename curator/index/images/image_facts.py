"""Facts of one image: of its file, of its annotations, and as a row that the app shows."""

from __future__ import annotations

from typing import NamedTuple

FORMATS = ("other", "jpeg", "png", "webp", "bmp", "gif", "avif")  # stored by position: append only


class FileFacts(NamedTuple):
    """What the file system and the header say of one file; `width` and `height` after the EXIF turn."""

    sha256: bytes
    file_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str


class ImageRow(NamedTuple):
    """One image as the app shows it. `path` is relative to `root`; both may hold surrogate escapes."""

    id: int
    path: str
    root: str
    name: str
    sha256: str
    file_bytes: int
    width: int
    height: int
    mtime_ns: int
    format: str
    mark: int
    tags_count: int
    caption: str

    @property
    def full_path(self) -> str:
        return f"{self.root.rstrip('/')}/{self.path}"


class KnownFile(NamedTuple):
    """What the index knows of a path, for a scan to compare."""

    id: int
    path: str
    file_bytes: int
    mtime_ns: int
    alive: bool


def format_number(name: str) -> int:
    """The position of a format in `FORMATS`."""
    return FORMATS.index(name) if name in FORMATS else 0
