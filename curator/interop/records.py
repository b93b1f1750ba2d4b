"""Decides what one row of metadata says of one picture, and what a stream of such rows is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from curator.index.metadata import PostFacts


@dataclass(frozen=True)
class Record:
    """Words and facts of one picture, named by its absolute `path`, or by post number and md5 in its file's name."""

    path: str = ""
    post: int = 0
    md5: str = ""
    tags: tuple[str, ...] | None = None
    caption: str | None = None
    classes: tuple[tuple[str, str], ...] = ()
    facts: PostFacts | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dropped:
    """A row that names no picture to be had, and the first reason."""

    reason: str


Row = Record | Dropped


@dataclass(frozen=True)
class Source:
    """A file of rows that can be read again and again, one row at a time."""

    path: Path
    rows: Callable[[], Iterator[Row]]
