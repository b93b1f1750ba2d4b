"""The vocabulary of edits of tags, captions and marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from curator.index.changes.commit import Commit as Commit  # noqa: PLC0414 (named from here where edits are made)

if TYPE_CHECKING:
    from pyroaring import BitMap

Place = Literal["start", "end"] | int


@dataclass(frozen=True)
class AddTags:
    """Add tags where they are missing: at the start, the end or a position (0 is first) of the caption order."""

    names: tuple[str, ...]
    at: Place = "end"


@dataclass(frozen=True)
class RemoveTags:
    """Take tags away where they are."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class AddAndRemoveTags:
    """Add tags and remove tags, each on images of its own, as one change: what a rule derives."""

    added: tuple[tuple[str, BitMap], ...]
    removed: tuple[tuple[str, BitMap], ...] = ()
    at: Place = "end"
    summary: str = "rule"


@dataclass(frozen=True)
class RenameTag:
    """Call a tag by another name; where the new name is a tag already, the two become one.

    The tag keeps its place in each caption; an image that has both loses the old one. Given fewer images
    than have the tag, only these are changed.
    """

    old: str
    new: str


@dataclass(frozen=True)
class ReorderTags:
    """Put the tags of images that have exactly these tags into this order."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class SetCaption:
    """Replace the free caption beside the tags."""

    text: str


@dataclass(frozen=True)
class SetMark:
    """1 keeps, -1 rejects, 0 takes the mark away."""

    mark: int


@dataclass(frozen=True)
class SetClass:
    """Give tags a class (general, artist, character, ... or the user's own); concerns no images."""

    names: tuple[str, ...]
    cls: str


@dataclass(frozen=True)
class Annotations:
    """The tags and caption of one image: None leaves them as they are."""

    image: int
    tags: tuple[str, ...] | None = None
    caption: str | None = None


@dataclass(frozen=True)
class Rewrite:
    """Replace tags and captions image by image (changed sidecars, imports, a line edited by hand)."""

    annotations: tuple[Annotations, ...]
    summary: str = "rewrite"


@dataclass(frozen=True)
class EditGroup:
    """Several edits, each on images of its own, as one change; none may build on what another does."""

    parts: tuple[tuple[Edit, BitMap], ...]
    summary: str


Edit = (
    AddTags
    | RemoveTags
    | AddAndRemoveTags
    | RenameTag
    | ReorderTags
    | SetCaption
    | SetMark
    | SetClass
    | Rewrite
    | EditGroup
)
