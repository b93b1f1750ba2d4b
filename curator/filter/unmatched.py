"""Terms of a filter that no picture's tags fit, in words: which tag of another name or class was probably meant."""

from __future__ import annotations

import re

from curator.contract.text import visible
from curator.filter.tokens import in_quotes
from curator.index.collection import Collection
from curator.index.tag_table import Tag


def unmatched_in_words(collection: Collection, term: str) -> str:
    """One sentence about a term of `Result.unknown_tags`, a tag's name or `CLASS:NAME`; it denies no tag there is."""
    cls, colon, name = term.partition(":")
    with collection.reading():
        whole = _used(collection, term) if colon else None
        other = _used(collection, name) if colon and name else None
    said = f"no tag of class {visible(cls)} fits '{visible(name)}'"
    if whole:
        return f"{said}; the tag of that whole name is {written(whole.name)}"
    if other and other.cls != cls:
        return f"{said}; {written(other.name)} is of class {visible(other.cls)}"
    return f"no image has the tag '{visible(term)}'"


def written(name: str) -> str:
    """A tag as a filter's term that means it and nothing else: `tag:blue_eyes`."""
    plain = name.replace(" ", "_")
    if re.fullmatch(r"\w[\w:.+-]*", plain):
        return f"tag:{visible(plain)}"
    return visible(in_quotes(name))


def _used(collection: Collection, name: str) -> Tag | None:
    """The tag most pictures have of those that read so."""
    alike = (tag for tag in collection.tags.get(collection.tags.alike(name)) if tag.count)
    return max(alike, key=lambda tag: tag.count, default=None)
