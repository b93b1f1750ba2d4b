"""Decides how a tag that a person types is written: spaces for underscores, but not in faces (row S015)."""

from __future__ import annotations

from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.posts.words import spaced

MAX_LENGTH = 500


def clean_tag(typed: str) -> str:
    """A typed tag as it is kept; a UserError says what cannot be a tag."""
    tag = spaced(" ".join(part for part in typed.replace("\t", " ").split(" ") if part)).strip()
    if not tag:
        raise UserError("an empty tag", "type at least one character")
    if len(tag) > MAX_LENGTH:
        raise UserError(
            f"a tag of {len(tag)} characters", f"a tag has at most {MAX_LENGTH}; long text is a caption"
        )
    if "," in tag:
        raise UserError(f"the tag '{visible(tag)}' holds a comma", "commas stand between tags")
    if any(ord(c) < 32 or c in "\x7f\u2028\u2029\x85" or 0xD800 <= ord(c) <= 0xDFFF for c in tag):
        raise UserError(f"the tag '{visible(tag)}' holds a line break or control character", "remove it")
    return tag


def clean_tags(typed: str) -> tuple[str, ...]:
    """Typed tags with commas between them, in order, each once; empty pieces are nothing."""
    return tuple(dict.fromkeys(clean_tag(part) for part in typed.split(",") if part.strip()))
