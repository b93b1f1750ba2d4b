"""The syntax tree of a filter: terms, order and limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TagTerm:
    """Images with a tag, or with any tag that fits when the pattern has `*` or `?` and is no `literal`."""

    pattern: str
    literal: bool = False


@dataclass(frozen=True)
class ClassTerm:
    """Images with a tag of one class that fits the pattern."""

    cls: str
    pattern: str


@dataclass(frozen=True)
class NumberTerm:
    """A number of the image compared, or within a closed range (None: open side; both: any that is known)."""

    field: str
    low: float | None
    high: float | None
    low_open: bool = False
    high_open: bool = False
    negated: bool = False


@dataclass(frozen=True)
class IdsTerm:
    """Images by their numbers: spans, both ends included."""

    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TextTerm:
    """A path, name or caption that holds some text, or matches a regular expression."""

    field: str
    text: str
    regex: bool = False


@dataclass(frozen=True)
class WordTerm:
    """A field with one word as its value: mark, has, format, subset, sha, bucket."""

    field: str
    value: str
    position: int


@dataclass(frozen=True)
class Not:
    """Every image but these."""

    part: Expr


@dataclass(frozen=True)
class And:
    """Images in all parts."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True)
class Or:
    """Images in any part."""

    parts: tuple[Expr, ...]


Expr = TagTerm | ClassTerm | NumberTerm | IdsTerm | TextTerm | WordTerm | Not | And | Or


@dataclass(frozen=True)
class Sort:
    """One key of the order."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class Filter:
    """A whole filter. `where` None is every image."""

    text: str
    where: Expr | None = None
    sort: tuple[Sort, ...] = ()
    limit: int | None = None
