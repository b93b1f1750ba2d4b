"""The vocabulary of edits of tags, captions and marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from curator.index.changes.commit import Commit as Commit  # noqa: PLC0414 (named from here where edits are made)

if TYPE_CHECKING:
    from pyroaring import BitMap

Place = Literal["start", "end"] | int


class AddTags(NamedTuple):
    """Add tags where they are missing: at the start, the end or a position (0 is first) of the caption order."""

    names: tuple[str, ...]
    at: Place = "end"


class RemoveTags(NamedTuple):
    """Take tags away where they are."""

    names: tuple[str, ...]


class AddAndRemoveTags(NamedTuple):
    """Add tags and remove tags, each on images of its own, as one change: what a rule derives."""

    added: tuple[tuple[str, BitMap], ...]
    removed: tuple[tuple[str, BitMap], ...] = ()
    at: Place = "end"
    summary: str = "rule"


class RenameTag(NamedTuple):
    """Call a tag by another name; where the new name is a tag already, the two become one.

    The tag keeps its place in each caption; an image that has both loses the old one. Given fewer images
    than have the tag, only these are changed.
    """

    old: str
    new: str


class ReorderTags(NamedTuple):
    """Put the tags of images that have exactly these tags into this order."""

    names: tuple[str, ...]


class SetCaption(NamedTuple):
    """Replace the free caption beside the tags."""

    text: str


class SetMark(NamedTuple):
    """1 keeps, -1 rejects, 0 takes the mark away."""

    mark: int


class SetClass(NamedTuple):
    """Give tags a class (general, artist, character, ... or the user's own); concerns no images."""

    names: tuple[str, ...]
    cls: str


class Annotations(NamedTuple):
    """The tags and caption of one image: None leaves them as they are."""

    image: int
    tags: tuple[str, ...] | None = None
    caption: str | None = None


class Rewrite(NamedTuple):
    """Replace tags and captions image by image (changed sidecars, imports, a line edited by hand)."""

    annotations: tuple[Annotations, ...]
    summary: str = "rewrite"


class EditGroup(NamedTuple):
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
