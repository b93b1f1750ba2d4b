"""What a commit remembers: exactly what changed, so that it can be undone, redone and followed.

Each change names the images really changed. Every row of the journal is a list of changes; another process that
reads the rows it has not seen knows everything that happened to bitmaps, columns and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pyroaring import BitMap

from curator.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TagChange(NamedTuple):
    """A tag added to (or taken from) images.

    `positions` are those in the captions, as little-endian 32-bit numbers in id order; None is the end. A removal
    carries them only as memory: where its undoing puts the tag, unless folding it into the rows has seen better.
    """

    tag: int
    images: BitMap
    added: bool
    positions: bytes | None = None


class TagMoved(NamedTuple):
    """A tag turned into another in place; images in `both` had the other already and only lose the first."""

    old: int
    new: int
    images: BitMap
    both: BitMap


class TagsReplaced(NamedTuple):
    """Whole tag lists replaced, as blobs in id order."""

    images: BitMap
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


class CaptionsReplaced(NamedTuple):
    """Free captions replaced, in id order."""

    images: BitMap
    before: tuple[str, ...]
    after: tuple[str, ...]


class FlagChange(NamedTuple):
    """Images that gained and lost a flag (keep or reject)."""

    flag: int
    gained: BitMap
    lost: BitMap


class Renamed(NamedTuple):
    """A tag's row renamed."""

    tag: int
    before: str
    after: str
    images: BitMap


class Classed(NamedTuple):
    """Classes of tags changed."""

    tags: tuple[int, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


class RecordChanged(NamedTuple):
    """A record of a small table as it was and as it is (`records.py`); None where there is none. Concerns no images."""

    table: str
    key: str | int
    before: bytes | None
    after: bytes | None


class Arrived(NamedTuple):
    """Images added, with their tags: no edit, so never undone."""

    images: BitMap


class FilesSeen(NamedTuple):
    """Files that came back, went, or have other content: no edit, so never undone."""

    returned: BitMap
    missing: BitMap
    changed: BitMap


Change = (
    TagChange
    | TagMoved
    | TagsReplaced
    | CaptionsReplaced
    | FlagChange
    | Renamed
    | Classed
    | RecordChanged
    | Arrived
    | FilesSeen
)


class NewTag(NamedTuple):
    """A name that becomes a tag with the id it will have."""

    id: int
    name: str
    cls: str


class ChangeSet(NamedTuple):
    """What an edit does, as a value: changes in the order to make them, with `summary` as their line of the history.

    The changes name tags by id, those too that are still to be made: `new_tags`, by ascending id.
    """

    summary: str
    changes: tuple[Change, ...] = ()
    new_tags: tuple[NewTag, ...] = ()


RowChange = TagChange | TagMoved  # what may wait in the journal before it reaches the rows
Recorded: TypeAlias = "Callable[[int], tuple[BitMap, NDArray[np.uint32]] | None]"


def positions_for_undo(
    images: BitMap, positions: bytes | None, recorded: tuple[BitMap, NDArray[np.uint32]] | None
) -> bytes | None:
    """Places in id order: those noted where there are any, else those given, else the end."""
    if recorded is None:
        return positions
    known, seen = recorded
    if len(known) == len(images):
        return seen.astype("<u4").tobytes()
    all_positions = np.full(len(images), 0xFFFFFFFF, "<u4")
    if positions is not None:
        all_positions[:] = np.frombuffer(positions, "<u4")
    all_positions[rows_of(images, known)] = seen
    return all_positions.tobytes()


def rows_of(images: BitMap, some: BitMap) -> NDArray[np.int64]:
    """The ranks of some images among all."""
    return np.searchsorted(id_array(images), id_array(some)).astype(np.int64)


def id_array(images: BitMap) -> NDArray[np.uint32]:
    """The ids, ascending."""
    return np.frombuffer(images.to_array(), np.uint32) if images else np.zeros(0, np.uint32)


def touched(changes: Iterable[Change]) -> BitMap:
    """Every image any of the changes concerns."""
    images = BitMap()
    for change in changes:
        match change:
            case FlagChange():
                images |= change.gained | change.lost
            case FilesSeen():
                images |= change.returned | change.missing | change.changed
            case Classed() | RecordChanged():
                pass
            case _:
                images |= change.images
    return images
