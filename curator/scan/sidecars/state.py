"""State of a sidecar just read: what is remembered of it beside the annotations that its image has now."""

from __future__ import annotations

from collections.abc import Sequence

from curator.index.images.sidecar_table import SidecarState
from curator.index.images.text_digest import text_digest
from curator.scan.sidecars.sidecar import Sidecar, has_free_caption


def state_of(sidecar: Sidecar, tags: Sequence[str], caption: str) -> SidecarState:
    """The state of a sidecar whose image has these tags and this caption."""
    alone = (sidecar.tags or ()) == tags and (sidecar.caption or "") == caption
    free = has_free_caption(sidecar.suffix, sidecar.caption)
    digest = sidecar.annotations_digest if alone else text_digest(sidecar.suffix, tags, caption, free=free)
    return SidecarState(sidecar.suffix, sidecar.mtime_ns, sidecar.file_bytes, sidecar.digest, digest)
