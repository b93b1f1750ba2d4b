"""Names of tags: what can be one, and when two are the same tag."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from curator.contract.errors import UserError

# Faces written with underscores, some longer than the three characters that are kept anyway.
FACES = frozenset(
    [
        "0_0",
        "(o)_(o)",
        "+_+",
        "+_-",
        "._.",
        "<o>_<o>",
        "<|>_<|>",
        "=_=",
        ">_<",
        "3_3",
        "6_9",
        ">_o",
        "@_@",
        "^_^",
        "o_o",
        "u_u",
        "x_x",
        "|_|",
        "||_||",
    ]
)
_SHORT = 3
_KEPT = 1 << 17  # names whose key is remembered: images share most of theirs
_NEVER = re.compile("[,\n\r\0\ud800-\udfff]")


def spaced(tag: str) -> str:
    """Spaces for underscores, where the tag is longer than three characters and no known face (S015)."""
    return tag if len(tag) <= _SHORT or tag.lower() in FACES else tag.replace("_", " ")


@lru_cache(maxsize=_KEPT)
def folded(name: str) -> str:
    """The key of a tag: two names with one key are the same tag, however they are spelled.

    Case does not count, nor whether letters are composed (NFC), nor a space against an underscore but in faces and in
    names of three characters (S015). Filter, edits, look-up, imports and sidecars all go by it.
    """
    if name.isascii():
        key = name.lower()
    else:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
    key = spaced(key)
    return (" ".join(key.split()) or key).encode("utf-8", "replace").decode()


def each_once(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in order, of each the first spelling."""
    listed = tuple(tags)
    keys = list(map(folded, listed))
    if len(set(keys)) == len(listed):  # as nearly ever
        return listed
    kept: dict[str, str] = {}
    for key, tag in zip(keys, listed, strict=True):
        kept.setdefault(key, tag)
    return tuple(kept.values())


def glob_of(pattern: str) -> str:
    """A pattern with `*` and `?` for SQLite's GLOB over keys, where `[` would be the start of a class."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", pattern).casefold())
    text = text.encode("utf-8", "replace").decode()
    return text.replace("[", "[[]").replace("_", "[ _]")  # a part of a key: it may have kept its underscores


def check_name(name: str) -> None:
    """What a tag can never be, whoever brings it: empty, or not writable to a one-line comma-separated file."""
    if not name.strip() or name != name.strip():
        raise UserError(f"'{name}' is no tag", "a tag has at least one character and no space around it")
    if _NEVER.search(name):
        raise UserError(f"the tag '{name}' holds a comma, a line break or a broken character", "remove it")
