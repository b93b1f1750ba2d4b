"""The part of the index that an edit concerns, as it is before it: read once, given to the plan as a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from curator.arrays import np
from curator.index.changes.edits import (
    AddAndRemoveTags,
    AddTags,
    Edit,
    EditGroup,
    Place,
    RemoveTags,
    RenameTag,
    ReorderTags,
    Rewrite,
    SetCaption,
    SetClass,
    SetMark,
)
from curator.index.editing import texts
from curator.index.sets.bitmaps import Flag, bitmap_of
from curator.index.sets.columns import COUNTS
from curator.index.tags.tag_table import Tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.index.editing.store import Store

_FEW = 5000  # so many names of tags, most of them several times, are not worth reading all that there are


@dataclass(frozen=True)
class Snapshot:
    """What a plan may ask of the index. Sets and arrays are shared with its caches: never changed in place.

    `images` are those to edit; `alive` are all whose file is there; `first_free` is the id that a new tag gets.
    `spellings`: all tags that a name of the edit may mean, the one to use first. `bitmaps`: images by tag or flag, of
    those concerned at least. `ids`: tags by exact name, where whole tag lists are given. `tag_counts`: how many tags
    images have, by image id, where positions depend on it. `tag_lists`: tags as stored, and `captions`, by image,
    ascending. `parts`: one for each edit of a group.
    """

    images: BitMap
    alive: BitMap
    first_free: int
    spellings: Mapping[str, Sequence[Tag]] = field(default_factory=dict[str, Sequence[Tag]])
    bitmaps: Mapping[int, BitMap] = field(default_factory=dict[int, BitMap])
    ids: Mapping[str, int] = field(default_factory=dict[str, int])
    tag_counts: NDArray[Any] = field(default_factory=lambda: np.zeros(0, np.uint32))
    tag_lists: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    captions: Mapping[int, str] = field(default_factory=dict[int, str])
    parts: Sequence[Snapshot] = ()


def read_snapshot(store: Store, edit: Edit, ids: Iterable[int] | BitMap | None) -> Snapshot:
    """Read what the plan of `edit` will ask, for those of `ids` (None: of all) that are there; inside a transaction."""
    alive = store.alive()
    images = alive if ids is None else bitmap_of(ids) & alive
    base = Snapshot(images, alive, store.tags.first_free())
    match edit:
        case AddTags() | RemoveTags() | AddAndRemoveTags() | RenameTag():
            return _with_tags(store, base, edit)
        case SetClass(names):
            return replace(base, spellings=dict(zip(names, store.tags.spellings(names), strict=True)))
        case ReorderTags(names):
            tag_lists = dict(texts.blobs(store, images))
            return replace(base, ids=store.tags.ids_by_name(names), tag_lists=tag_lists)
        case Rewrite():
            return _with_rows(store, base, edit)
        case SetCaption():
            return replace(base, captions=dict(texts.captions(store, images)))
        case SetMark():
            return replace(base, bitmaps={flag: store.bitmaps.of(flag) for flag in (Flag.KEEP, Flag.REJECT)})
        case EditGroup(parts):
            return replace(base, parts=[read_snapshot(store, part, some & images) for part, some in parts])


def _with_tags(
    store: Store, base: Snapshot, edit: AddTags | RemoveTags | AddAndRemoveTags | RenameTag
) -> Snapshot:
    """Tags by name, and the images that have them."""
    names, at = _named(edit)
    spelled = store.tags.spellings(names)
    ids = dict.fromkeys(tag.id for tags in spelled for tag in tags)
    # a rename asks whether anybody else has the tag; of all images, a copy of each set would only cost memory
    whole = isinstance(edit, RenameTag) or len(base.images) == len(base.alive)
    return replace(
        base,
        spellings=dict(zip(names, spelled, strict=True)),
        bitmaps={tag: store.bitmaps.of(tag) if whole else store.bitmaps.of(tag) & base.images for tag in ids},
        tag_counts=base.tag_counts if isinstance(at, str) else store.columns.of(COUNTS),
    )


def _named(edit: AddTags | RemoveTags | AddAndRemoveTags | RenameTag) -> tuple[Sequence[str], Place]:
    """The names of tags in an edit, and where tags are added."""
    match edit:
        case AddTags(names, at):
            return names, at
        case RemoveTags(names):
            return names, "end"
        case AddAndRemoveTags():
            return [name for name, _ in (*edit.added, *edit.removed)], edit.at
        case RenameTag(old, new):
            return (old, new), "end"


def _with_rows(store: Store, base: Snapshot, edit: Rewrite) -> Snapshot:
    """Rows of the images whose tags or caption are given."""
    tagged = base.images & BitMap([each.image for each in edit.annotations if each.tags is not None])
    captioned = base.images & BitMap([each.image for each in edit.annotations if each.caption is not None])
    names = (name for each in edit.annotations if each.image in tagged for name in each.tags or ())
    first = list(islice(names, _FEW + 1))
    return replace(
        base,
        ids=store.tags.ids_by_name(first if len(first) <= _FEW else None),
        tag_lists=dict(texts.blobs(store, tagged)),
        captions=dict(texts.captions(store, captioned)),
    )
