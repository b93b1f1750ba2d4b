"""Terms of a filter that no image's tags fit, in words: which tag of another name or class was probably meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from curator.contract.text import visible
from curator.filter.language.tokens import in_quotes

if TYPE_CHECKING:
    from curator.index.collection import Collection
    from curator.index.tags.tag_table import Tag

_OPERATORS = {"and": "AND", "or": "OR", "not": "NOT", "&": "AND", "&&": "AND", "|": "OR", "||": "OR"}


def unmatched_term_text(collection: Collection, term: str) -> str:
    """One sentence about a term of `Result.unknown_tags`, a tag's name or `CLASS:NAME`; it denies no tag there is."""
    instead = _OPERATORS.get(term.lower()) or (f"-{term[1:]}" if term[:1] == "!" and term[1:] else "")
    if instead:
        return f"no image has the tag '{visible(term)}'; an operator is written {visible(instead)}"
    if "," in term:
        return f"no tag holds a comma, as '{visible(term)}' does; tags are parted by spaces"
    cls, colon, name = term.partition(":")
    with collection.reading():
        whole = _used(collection, term) if colon else None
        other = _used(collection, name) if colon and name else None
    said = f"no tag of class {visible(cls)} fits '{visible(name)}'"
    if whole:
        return f"{said}; the tag of that whole name is {as_text(whole.name)}"
    if other and other.cls != cls:
        return f"{said}; {as_text(other.name)} is of class {visible(other.cls)}"
    if alias_of := collection.aliases.tag_of(term):
        return f"no image has the tag '{visible(term)}'; it is an alias of {as_text(alias_of)}"
    return f"no image has the tag '{visible(term)}'{_meant(collection, term) or _meant(collection, name)}"


def _meant(collection: Collection, name: str) -> str:
    """`; did you mean tag:blue_eyes?`, of a name; nothing of a pattern, or where none is like it."""
    with collection.reading():
        near = collection.tags.meant(name) if name and not {"*", "?"} & {*name} else None
    return f"; did you mean {as_text(near.name)}?" if near else ""


def as_text(name: str) -> str:
    """A tag as a filter's term that means it and nothing else: `tag:blue_eyes`."""
    plain = name.replace(" ", "_")
    if re.fullmatch(r"\w[\w:.+-]*", plain):
        return f"tag:{visible(plain)}"
    return visible(in_quotes(name))


def _used(collection: Collection, name: str) -> Tag | None:
    """The tag most images have of those that read so."""
    alike = (tag for tag in collection.tags.get(collection.tags.alike(name)) if tag.count)
    return max(alike, key=lambda tag: tag.count, default=None)
