"""Another try for images that could not be decoded, though their files are unchanged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from curator.contract.files.picture_file import has_picture

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.index.collection import Collection


def clear_failed_fingerprints(collection: Collection, paths: Iterable[str]) -> None:
    """That these images have no number is known no more. Inside a write transaction."""
    contents = collection.images.contents(sorted(_images_at(collection, paths)))
    collection.fingerprints.clear_failed([content for _, content in contents])


def retry_failed_fingerprints(collection: Collection, progress: Progress | None = None) -> None:
    """Look at all images set aside that the index has as images; those that can be decoded are so no more."""
    from curator.scan.copies.fingerprint import (
        fill,  # which loads decoders: a scan that only forgets needs none
    )

    with collection.reading():
        aside = [entry.path for entry in collection.quarantine.list()]
        paths = {image: path for image, path in _images_at(collection, aside).items() if has_picture(path)}
        contents = dict(collection.images.contents(sorted(paths)))
    if not paths:
        return
    with collection.writing():
        collection.fingerprints.clear_failed(contents.values())
    filled = fill(collection, sorted(paths), progress)
    bad = {path for path, _ in (*filled.undecodable, *filled.unopened)}
    left = {contents[image] for image, path in paths.items() if path in bad}
    with collection.writing():
        collection.quarantine.release(path for image, path in paths.items() if contents[image] not in left)


def _images_at(collection: Collection, paths: Iterable[str]) -> dict[int, str]:
    """The images that are there, of the files at some paths."""
    found: dict[int, str] = {}
    wanted = list(paths)
    for root, number in collection.images.roots().items() if wanted else ():
        before = root.rstrip("/") + "/"
        inside = [path[len(before) :] for path in wanted if path.startswith(before)]
        known = collection.images.known(number, inside)
        found |= {file.id: before + file.path for file in known.values() if file.alive}
    return found
