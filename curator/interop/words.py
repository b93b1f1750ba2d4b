"""Decides how tags and captions of foreign files become words the index can hold."""

from __future__ import annotations

from collections.abc import Iterable

from curator.tags.text import spaced

_MAX = 500


def text_of(text: str) -> str:
    """Free text with nothing in it that cannot be stored; lines are joined."""
    whole = "".join("\ufffd" if c == "\0" or 0xD800 <= ord(c) <= 0xDFFF else c for c in text)
    return " ".join(whole.split())


def tags_of_line(line: str, separator: str = ",") -> tuple[str, ...]:
    """Tags of one text, in order, each once."""
    return clean(line.split(separator))


def tags_of_words(line: str) -> tuple[str, ...]:
    """Tags as boorus write them: spaces between tags, underscores in them."""
    return clean(spaced(word) for word in line.split())


def clean(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags without space around them, commas inside or anything broken; empty ones are nothing."""
    kept = (text_of(tag.replace(",", " ")) for tag in tags)
    return tuple(dict.fromkeys(tag for tag in kept if tag and len(tag) <= _MAX))
