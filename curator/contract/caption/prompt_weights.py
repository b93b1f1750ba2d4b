"""Weights of brackets in captions (S025): `(a)` is a x 1.1, `[a]` a / 1.1, `(a:1.23)` a x 1.23, nested.

`\\(`, `\\)`, `\\[`, `\\]` and `\\\\` are plain signs; another backslash is nothing: `\\a` is a. A bracket that is
not closed holds to the end; one that closes nothing is text. The grammar is that of kohya-ss/sd-scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from curator.contract.caption.captions import (
    SEPARATOR,
    CaptionParts,
    CaptionRules,
    may_move,
    with_escaped_tags,
)

ROUND = 1.1
SQUARE = 1 / 1.1
_PIECE = re.compile(r"\\[\\()\[\]]|:[+-]?(?:\d+\.?\d*|\.\d+)\)|[()\[\]]|[^\\()\[\]:]+|.", re.DOTALL)
_PLAIN = r"[^\\()\[\]]*"
_CLOSED = re.compile(
    rf"{_PLAIN}(?:(?:\({_PLAIN}\)|\[{_PLAIN}\]){_PLAIN})*"
)  # most tags: no bracket inside another


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
        if piece[0] == "\\":
            parts.append([piece[1:], 1.0])
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


def bracket_problem(text: str) -> str:
    """What is wrong with the brackets of a text, in words; empty where nothing is."""
    opened: list[str] = []
    for found in _PIECE.finditer(text):
        sign = found[0][-1] if found[0][0] == ":" else found[0]
        if sign in "([":
            opened.append(sign)
        elif sign in ")]":
            if not opened:
                return f"a '{sign}' closes nothing"
            if (first := opened.pop()) + sign not in ("()", "[]"):
                return f"a '{first}' is closed by '{sign}'"
    return f"a '{opened[-1]}' is never closed" if opened else ""


def weights_problem(parts: CaptionParts, rules: CaptionRules) -> str:
    """What keeps the brackets of a caption from meaning what they seem to, in words; empty where nothing does.

    Brackets around several tags are torn where `rules` may part these.
    """
    parts = with_escaped_tags(parts, rules)
    head, tail = SEPARATOR.join(parts.head), SEPARATOR.join(parts.tail)
    pieces = [piece for piece in (head, *parts.middle, tail, parts.text) if piece]
    whole = bracket_problem(" ".join((rules.prefix, SEPARATOR.join(pieces), rules.suffix)))
    if whole or not may_move(rules):
        return whole
    torn = SEPARATOR.join(spanning(pieces))
    return f"a comma stands within the brackets of '{torn}', which shuffling or dropout tears" if torn else ""


def spanning(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags over which one bracket reaches: it opens in the first and closes in the last. Empty where none does.

    Shuffled or thinned out, such tags would weigh something else. A bracket that is never closed, as in `:(`, is none.
    """
    opened: dict[str, list[int]] = {")": [], "]": []}
    for place, tag in enumerate(tags):
        for sign in _signs(tag):
            if sign in "([":
                opened[")" if sign == "(" else "]"].append(place)
            elif opened[sign] and (first := opened[sign].pop()) < place:
                return tuple(tags[first : place + 1])
    return ()


def open_ends(tag: str) -> tuple[str, str]:
    """The brackets that a tag closes but does not open, and those that it opens but does not close."""
    closes, opens = "", ""
    if _CLOSED.fullmatch(tag):
        return closes, opens
    for sign in _signs(tag):
        if sign in "([":
            opens += sign
        elif (fitting := "(" if sign == ")" else "[") in opens:
            last = opens.rindex(fitting)
            opens = opens[:last] + opens[last + 1 :]
        else:
            closes += sign
    return closes, opens


def _signs(text: str) -> Iterator[str]:
    """The brackets of a text that are not plain signs."""
    return (found[0][-1] for found in _PIECE.finditer(text) if found[0][-1] in "()[]" and found[0][0] != "\\")
