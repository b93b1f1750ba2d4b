"""Progress of a walk over a manifest: now and then, and at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from curator.contract.manifest.manifest import Manifest, ManifestImage

_TELL_EVERY = 500
Progress = Callable[[int, int], None]  # pictures done, in all; may raise to stop


def walked(manifest: Manifest, progress: Progress | None) -> Iterator[ManifestImage]:
    """The pictures of a manifest, in its order."""
    total = len(manifest)
    for row, image in enumerate(manifest.images()):
        if progress and row % _TELL_EVERY == 0:
            progress(row, total)
        yield image
    if progress:
        progress(total, total)
