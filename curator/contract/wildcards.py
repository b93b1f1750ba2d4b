"""Decides what `{a|b}` in a caption becomes: one of its items, drawn by key; `{{` and `}}` are plain braces.

An item may hold commas, and then it is several tags: `{red, big|blue} hat` lies in the index as two.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from curator.contract.keyed import key_from

_JOINT = ", "
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


def reaching_over(pieces: Sequence[str]) -> list[range]:
    """The runs of neighbouring pieces that a wildcard reaches over, where commas part the pieces."""
    text = _JOINT.join(pieces)
    if "{" not in text:
        return []
    starts = [0, *accumulate(len(piece) + len(_JOINT) for piece in pieces)]
    runs: list[range] = []
    for found in _PIECE.finditer(text):
        first, last = (bisect_right(starts, at) - 1 for at in (found.start(), found.end() - 1))
        if runs and first < runs[-1].stop:
            first = runs.pop().start
        if last > first:
            runs.append(range(first, last + 1))
    return runs


def lone_brace(text: str) -> bool:
    """Whether a single brace is no part of a wildcard: nothing would be chosen there."""
    return any(sign in _PIECE.sub("", text) for sign in "{}")
