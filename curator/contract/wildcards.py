"""Decides what `{a|b}` in a caption becomes: one of its items, drawn by key; `{{` and `}}` are plain braces."""

from __future__ import annotations

import re

from curator.contract.keyed import key_from

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def expanded(text: str, k: int) -> str:
    """`text` with every wildcard drawn; the draws are keyed by `k` and the wildcard's number."""
    if "{" not in text and "}" not in text:
        return text
    number = -1

    def drawn(found: re.Match[str]) -> str:
        nonlocal number
        if found[1] is None:
            return found[0][0]
        number += 1
        items = found[1].split("|")
        return items[(key_from(k, number) * len(items)) >> 64]

    return _PIECE.sub(drawn, text)
