"""Typed tags: spaces for underscores, but not in faces (row S015)."""

from __future__ import annotations

import unicodedata

from curator.contract.errors import UserError
from curator.index.tags.tag_names import each_once, spaced

MAX_LENGTH = 500


def clean_tag(typed: str) -> str:
    """A typed tag as it is kept; a UserError says what cannot be a tag."""
    tag = _one_space(spaced(_one_space(unicodedata.normalize("NFC", typed))))
    if not tag:
        raise UserError("an empty tag", "type at least one character")
    if len(tag) > MAX_LENGTH:
        raise UserError(
            f"a tag of {len(tag)} characters", f"a tag has at most {MAX_LENGTH}; long text is a caption"
        )
    if "," in tag:
        raise UserError(f"the tag '{tag}' holds a comma", "commas stand between tags")
    if any(ord(c) < 32 or c in "\x7f\u2028\u2029\x85" or 0xD800 <= ord(c) <= 0xDFFF for c in tag):
        raise UserError(f"the tag '{tag}' holds a line break or control character", "remove it")
    return tag


def clean_tags(typed: str) -> tuple[str, ...]:
    """Typed tags with commas between them, in order, each once; empty pieces are nothing."""
    return each_once(clean_tag(part) for part in typed.split(",") if part.strip())


def _one_space(text: str) -> str:
    return " ".join(filter(None, text.replace("\t", " ").split(" ")))
