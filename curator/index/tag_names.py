"""Decides what can be the name of a tag, and when two names read as one."""

from __future__ import annotations

import re

from curator.contract.errors import UserError
from curator.contract.text import visible

_NEVER = re.compile("[,\n\r\0\ud800-\udfff]")
_ALIKE = str.maketrans("_", " ")


def folded(name: str) -> str:
    """What two tags have in common that a person means as one: case and underscores do not count."""
    return name.casefold().translate(_ALIKE).encode("utf-8", "replace").decode()


def glob_of(pattern: str) -> str:
    """A pattern with `*` and `?` for SQLite's GLOB, which would read `[` as the start of a class."""
    return folded(pattern).replace("[", "[[]")


def check_name(name: str) -> None:
    """What a tag can never be, whoever brings it: empty, or not writable to a one-line comma-separated file."""
    if not name.strip() or name != name.strip():
        raise UserError(
            f"'{visible(name)}' is no tag", "a tag has at least one character and no space around it"
        )
    if _NEVER.search(name):
        raise UserError(
            f"the tag '{visible(name)}' holds a comma, a line break or a broken character", "remove it"
        )
