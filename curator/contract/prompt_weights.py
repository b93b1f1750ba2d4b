"""Decides what brackets in a caption weigh (S025): `(a)` is a x 1.1, `[a]` a / 1.1, `(a:1.23)` a x 1.23, nested.

`\\(`, `\\)`, `\\[`, `\\]` and `\\\\` are plain signs. A bracket that is not closed holds to the end; one that closes
nothing is text. The grammar is that of kohya-ss/sd-scripts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ROUND = 1.1
SQUARE = 1 / 1.1
_PIECE = re.compile(r"\\[\\()\[\]]|:[+-]?(?:\d+\.?\d*|\.\d+)\)|[()\[\]]|[^\\()\[\]:]+|.", re.DOTALL)


class Weighted(NamedTuple):
    """Some text and how much it weighs."""

    text: str
    weight: float


def parse_weights(caption: str) -> list[Weighted]:
    """A caption as pieces of equal weight; neighbours of the same weight are one, and an empty caption is one piece."""
    parts: list[list[str | float]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}
    for found in _PIECE.finditer(caption):
        piece = found[0]
        if len(piece) == 2 and piece[0] == "\\":
            parts.append([piece[1], 1.0])
        elif piece in opened:
            opened[piece].append(len(parts))
        elif piece.startswith(":") and piece.endswith(")") and opened["("]:
            _multiply(parts, opened["("].pop(), float(piece[1:-1]))
        elif piece == ")" and opened["("]:
            _multiply(parts, opened["("].pop(), ROUND)
        elif piece == "]" and opened["["]:
            _multiply(parts, opened["["].pop(), SQUARE)
        else:
            parts.append([piece, 1.0])
    for first in opened["("]:
        _multiply(parts, first, ROUND)
    for first in opened["["]:
        _multiply(parts, first, SQUARE)
    return _merged(parts)


def _multiply(parts: list[list[str | float]], first: int, weight: float) -> None:
    for part in parts[first:]:
        part[1] = float(part[1]) * weight


def _merged(parts: list[list[str | float]]) -> list[Weighted]:
    merged: list[Weighted] = []
    for text, weight in parts:
        if merged and merged[-1].weight == weight:
            merged[-1] = Weighted(merged[-1].text + str(text), float(weight))
        else:
            merged.append(Weighted(str(text), float(weight)))
    return merged or [Weighted("", 1.0)]
