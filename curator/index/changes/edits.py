"""The vocabulary of edits of tags, captions and marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
class GiveAndTake:
    """Give tags and take tags, each on images of its own, as one change: what a rule derives."""

    given: tuple[tuple[str, BitMap], ...]
    taken: tuple[tuple[str, BitMap], ...] = ()
    at: Place = "end"
    why: str = "rule"


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
class Words:
    """The words one image shall have: None leaves them as they are."""

    image: int
    tags: tuple[str, ...] | None = None
    caption: str | None = None


@dataclass(frozen=True)
class Rewrite:
    """Replace tags and captions image by image (changed sidecars, imports, a line edited by hand)."""

    words: tuple[Words, ...]
    why: str = "rewrite"


@dataclass(frozen=True)
class Together:
    """Several edits, each on images of its own, as one change; none may build on what another does."""

    parts: tuple[tuple[Edit, BitMap], ...]
    why: str


Edit = (
    AddTags
    | RemoveTags
    | GiveAndTake
    | RenameTag
    | ReorderTags
    | SetCaption
    | SetMark
    | SetClass
    | Rewrite
    | Together
)


@dataclass(frozen=True)
class Commit:
    """One line of the history. `id` is 0 where an edit had nothing to do: then nothing is kept.

    `stayed` counts what later commits had changed when it was taken back (or made again), and so stays as it is:
    images, and values of subsets, rules and the like. Who takes it back is told the latter in words: `left`.
    """

    id: int
    at: float
    actor: str
    what: str
    images_changed: int
    undone: bool = False
    stayed: int = 0
    left: tuple[str, ...] = ()
