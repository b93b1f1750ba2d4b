"""Progress of a walk over a manifest: now and then, and at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.contract.manifest.manifest import Manifest, ManifestImage
    from curator.contract.progress import Progress

_TELL_EVERY = 500


def walked(manifest: Manifest, progress: Progress | None) -> Iterator[ManifestImage]:
    """The images of a manifest, in its order."""
    total = len(manifest)
    for row, image in enumerate(manifest.images()):
        if progress and row % _TELL_EVERY == 0:
            progress(row, total)
        yield image
    if progress:
        progress(total, total)
