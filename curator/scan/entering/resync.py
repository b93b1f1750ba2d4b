"""Sidecars that changed since the last read: taken, or shown as a conflict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.contract.text import counted
from curator.index.changes.edits import Annotations, Rewrite
from curator.index.images.sidecar_names import kind_of, sidecar_name
from curator.index.images.sidecar_table import SidecarState
from curator.index.images.text_digest import is_free, text_digest
from curator.scan.sidecars.sidecar import Sidecar, SidecarAnnotations, merged_annotations
from curator.scan.sidecars.state import state_of

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.scan.entering.folder_read import FolderRead, ReadImage
    from curator.scan.report import ScanReport

_CONFLICT = "changed outside while its image's words were edited here; nothing was overwritten"


class Resync:
    """Compares the sidecars of known images with what was last read; inside the batch's transaction."""

    def __init__(self, collection: Collection, news: ScanReport) -> None:
        self._collection = collection
        self._sidecars = collection.images.sidecars
        self._news = news
        self._annotations: list[Annotations] = []

    def sync(self, updates: Mapping[int, ReadImage]) -> None:
        """Take the changed sidecars of these images as one commit; those in conflict are left for next time."""
        states = self._sidecars.of(list(updates))
        for image, (read, at) in updates.items():
            self._sync_one(image, read, at, {state.suffix: state for state in states[image]})
        if self._annotations:
            why = f"read changed sidecars of {counted(len(self._annotations))}"
            self._collection.apply(
                Rewrite(tuple(self._annotations), why), [w.image for w in self._annotations], actor="scan"
            )

    def _sync_one(self, image: int, read: FolderRead, at: int, states: Mapping[str, SidecarState]) -> None:
        sidecars = read.sidecars(at)
        dropped = set(states) - set(read.wanted[at][2])
        self._sidecars.drop(image, dropped)
        changed = [s for s in sidecars if s.suffix not in states or states[s.suffix].file_digest != s.digest]
        for sidecar in sidecars:
            if sidecar not in changed:  # only touched: the words it was read with still count
                self._sidecars.put(image, [_with_new_mtime(sidecar, states[sidecar.suffix])])
        merged = merged_annotations(sidecars)
        if not changed and (dropped or not _reads_differently(sidecars, merged, states)):
            return  # where a file is gone the words stay
        (tags,) = self._collection.tag_names([image])
        now = _CurrentAnnotations(tags, self._collection.images.caption(image), tuple(states.values()))
        suffixes = {sidecar.suffix for sidecar in changed}
        takes_tags = merged.tags_from in suffixes or not (dropped or now.tags_edited())
        takes_caption = merged.caption_from in suffixes or not (dropped or now.caption_edited())
        new_tags = merged.tags if takes_tags else None
        new_caption = merged.caption if takes_caption else None
        if merged.caption is None and any(
            s.suffix in suffixes and is_free(s.text_digest) for s in now.states
        ):
            new_caption = ""  # the sentences that the file held
        contested = [merged.tags_from] if new_tags not in (None, now.tags) and now.tags_edited() else []
        if new_caption not in (None, now.caption) and now.caption_edited():
            contested.append(merged.caption_from or merged.tags_from)
        if contested:
            self._news.conflicts += [
                (sidecar_name(read.path_of(at), suffix), _CONFLICT) for suffix in dict.fromkeys(contested)
            ]
            return
        self._collection.tags.learn_classes(merged.classes)
        self._take(image, sidecars, now, Annotations(image, new_tags, new_caption))

    def _take(
        self, image: int, sidecars: Sequence[Sidecar], now: _CurrentAnnotations, annotations: Annotations
    ) -> None:
        tags = now.tags if annotations.tags is None else annotations.tags
        caption = now.caption if annotations.caption is None else annotations.caption
        edited = now.tags_edited() or now.caption_edited()
        known = {state.suffix: state for state in now.states}
        for sidecar in sidecars:
            state = state_of(sidecar, tags, caption)
            if edited and sidecar.suffix in known and known[sidecar.suffix].file_digest == sidecar.digest:
                continue  # an unchanged sidecar beside words edited here still counts as it was read
            self._sidecars.put(image, [state])
        if (tags, caption) != (now.tags, now.caption):
            self._annotations.append(annotations)
            self._news.reread += 1


@dataclass(frozen=True)
class _CurrentAnnotations:
    """The words of an image today, and its sidecars as last read."""

    tags: tuple[str, ...]
    caption: str
    states: tuple[SidecarState, ...]

    def tags_edited(self) -> bool:
        """Whether the tags were made or changed here: no sidecar that holds tags was read with them."""
        return self._edited([s for s in self.states if kind_of(s.suffix) != ".caption"], bool(self.tags))

    def caption_edited(self) -> bool:
        """Whether the caption was: no sidecar that holds one was read with it."""
        holding = [s for s in self.states if kind_of(s.suffix) != ".txt" or is_free(s.text_digest)]
        return self._edited(holding, bool(self.caption))

    def _edited(self, states: Sequence[SidecarState], some: bool) -> bool:
        if not states:
            return some
        return not any(
            s.text_digest == text_digest(s.suffix, self.tags, self.caption, free=is_free(s.text_digest))
            for s in states
        )


def _reads_differently(
    sidecars: Sequence[Sidecar], merged: SidecarAnnotations, states: Mapping[str, SidecarState]
) -> bool:
    """Whether unchanged files give other words than when they were read, by a rule of today."""
    tags, caption = merged.tags or (), merged.caption or ""
    return any(
        known.text_digest != text_digest(s.suffix, tags, caption, free=is_free(known.text_digest))
        for s in sidecars
        if (known := states.get(s.suffix))
    )


def _with_new_mtime(sidecar: Sidecar, state: SidecarState) -> SidecarState:
    return SidecarState(
        state.suffix, sidecar.mtime_ns, sidecar.file_bytes, state.file_digest, state.text_digest
    )
