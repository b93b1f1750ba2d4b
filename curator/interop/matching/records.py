"""One row of metadata about one image, and a stream of such rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.index.tables.metadata import PostFacts


@dataclass(frozen=True, slots=True)
class Record:
    """Words, facts and scores of one image, named by its absolute `path`, by `sha256`, or as its file's name says.

    That is the post number or the md5. `scanned` is what a scan reads in the very file that these words come from, as
    (tags, caption): where an image has just these, they are replaced.
    """

    path: str = ""
    post: int = 0
    md5: str = ""
    sha256: str = ""
    tags: tuple[str, ...] | None = None
    caption: str | None = None
    classes: tuple[tuple[str, str], ...] = ()
    facts: PostFacts | None = None
    scores: tuple[tuple[str, float], ...] = ()
    scanned: tuple[tuple[str, ...], str] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether it says which image it is of."""
        return bool(self.path or self.sha256 or self.md5 or self.post)

    @property
    def replaces(self) -> bool:
        """Whether saying nothing is meant: it takes the place of what a scan reads in the same file."""
        return self.scanned is not None

    @property
    def understood(self) -> list[str]:
        """The fields that it says something of, by their names."""
        facts = self.facts
        found = [name for name, value in (("tags", self.tags), ("caption", self.caption)) if value]
        if facts:
            if facts.rating:
                found.append("rating")
            if facts.score is not None:
                found.append("score")
            if facts.fav is not None:
                found.append("favourites")
            if facts.posted is not None:
                found.append("date")
        return found

    @property
    def has_annotations(self) -> bool:
        """Whether it says anything of tags or caption."""
        return self.tags is not None or self.caption is not None


@dataclass(frozen=True)
class Dropped:
    """A row that names no image to be had, and the first reason."""

    reason: str


Row = Record | Dropped


@dataclass(frozen=True)
class Source:
    """A file of rows that can be read again and again, one row at a time."""

    path: Path
    rows: Callable[[], Iterator[Row]]
